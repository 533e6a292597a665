// SPDX-License-Identifier: Apache-2.0
// The sentences behind `link_errc`. Never grows logic. Stateless; any thread.
#include "kernelproto/link/link_errc.hpp"

#include <string>

namespace kernelproto {
namespace {

class category final : public boost::system::error_category {
public:
    char const* name() const noexcept override { return "kernel-link"; }

    std::string message(int value) const override {
        switch (static_cast<link_errc>(value)) {
            case link_errc::missing:
                return "the socket does not exist";
            case link_errc::not_listening:
                return "nobody listens on the socket";
            case link_errc::escapes:
                return "the path is a link or leaves the socket directory";
            case link_errc::not_a_socket:
                return "the path is not a socket";
            case link_errc::foreign_owner:
                return "the socket belongs to another user";
            case link_errc::no_resources:
                return "the host refused a descriptor or memory for the socket";
            case link_errc::disconnected:
                return "the connection is gone";
            case link_errc::closed:
                return "the link is closed";
        }
        return "unknown link error";
    }
};

}  // namespace

boost::system::error_category const& link_category() noexcept {
    static category const instance;
    return instance;
}

boost::system::error_code make_error_code(link_errc code) noexcept {
    return {static_cast<int>(code), link_category()};
}

}  // namespace kernelproto
