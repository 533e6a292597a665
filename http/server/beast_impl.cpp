// SPDX-License-Identifier: Apache-2.0
// Boost.Beast, compiled once for the whole program. Holds no code of ours. No threads.
#include <boost/beast/src.hpp>
