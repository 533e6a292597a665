// SPDX-License-Identifier: Apache-2.0
// The sentences behind `client_errc`. Never grows logic. Stateless; any thread.
#include "kernelproto/client/errc.hpp"

#include <string>

namespace kernelproto {
namespace {

class category final : public boost::system::error_category {
public:
    char const* name() const noexcept override { return "jupyter-client"; }

    std::string message(int value) const override {
        switch (static_cast<client_errc>(value)) {
            case client_errc::timed_out:
                return "kernel did not become ready in time";
            case client_errc::kernel_died:
                return "kernel process ended";
            case client_errc::kernel_replaced:
                return "another kernel answers on the same sockets";
            case client_errc::unreachable:
                return "kernel cannot be reached";
            case client_errc::abandoned:
                return "given up by the owner";
        }
        return "unknown client error";
    }
};

}  // namespace

boost::system::error_category const& client_category() noexcept {
    static category const instance;
    return instance;
}

boost::system::error_code make_error_code(client_errc code) noexcept {
    return {static_cast<int>(code), client_category()};
}

}  // namespace kernelproto
