// SPDX-License-Identifier: Apache-2.0
// The return type of every protocol function that can fail on what a peer sent.
// Never an exception for hostile input: those are for broken invariants of ours only.
// Values; no threads.
#pragma once

#include <boost/system/result.hpp>

namespace kernelproto {

template <class T>
using result = boost::system::result<T>;

}  // namespace kernelproto
