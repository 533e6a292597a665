// SPDX-License-Identifier: Apache-2.0
// Boost.Asio, compiled once for the whole program. Holds no code of ours. No threads.
#include <boost/asio/impl/src.hpp>
