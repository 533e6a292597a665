// SPDX-License-Identifier: Apache-2.0
// The words behind `fault`. Never grows logic. Stateless; any thread.
#include "kernelproto/zmtp/fault.hpp"

namespace kernelproto::zmtp {

std::string_view words_of(fault what) noexcept {
    switch (what) {
        case fault::greeting:
            return "did not greet as ZeroMQ does";
        case fault::version:
            return "speaks ZMTP below 3.0";
        case fault::mechanism:
            return "wants another mechanism than NULL";
        case fault::handshake:
            return "broke the handshake of ZMTP";
        case fault::socket_type:
            return "is a socket of the wrong type";
        case fault::framing:
            return "broke the framing of ZMTP";
        case fault::long_frame:
            return "announced a frame above the limit";
        case fault::long_message:
            return "sent a message above the limit of bytes";
        case fault::many_frames:
            return "sent a message above the limit of frames";
    }
    return "failed";
}

}  // namespace kernelproto::zmtp
