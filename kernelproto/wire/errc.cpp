// SPDX-License-Identifier: Apache-2.0
// The sentences behind `wire_errc`. Never grows logic. Stateless; any thread.
#include "kernelproto/wire/errc.hpp"

#include <string>

namespace kernelproto {
namespace {

class category final : public boost::system::error_category {
public:
    char const* name() const noexcept override { return "jupyter-wire"; }

    std::string message(int value) const override {
        switch (static_cast<wire_errc>(value)) {
            case wire_errc::no_delimiter:
                return "message without <IDS|MSG> delimiter";
            case wire_errc::too_few_frames:
                return "message with too few frames";
            case wire_errc::too_many_frames:
                return "message with too many frames";
            case wire_errc::header_too_large:
                return "header frame above the limit";
            case wire_errc::message_too_large:
                return "message above the limit";
            case wire_errc::bad_signature:
                return "signature missing or wrong";
            case wire_errc::bad_json:
                return "header frame is not a JSON object";
            case wire_errc::bad_header:
                return "header field missing or of the wrong type";
            case wire_errc::bad_content:
                return "content is not a well-formed JSON object";
            case wire_errc::bad_connection_info:
                return "connection file field missing or not usable";
            case wire_errc::unsupported_scheme:
                return "signature scheme is not hmac-sha256";
        }
        return "unknown protocol error";
    }
};

}  // namespace

boost::system::error_category const& wire_category() noexcept {
    static category const instance;
    return instance;
}

boost::system::error_code make_error_code(wire_errc code) noexcept {
    return {static_cast<int>(code), wire_category()};
}

}  // namespace kernelproto
