// SPDX-License-Identifier: Apache-2.0
// A test's hand on the verbs of a fake: holds them, lets them fail, counts them.
// Never lets a held verb pass before it is released. Any thread: fakes are called on the pool.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>

namespace test {

class verb_control {
public:
    /// Calls of `verb` wait from now on, until `release`.
    void hold(std::string const& verb) {
        std::lock_guard const lock(mutex_);
        held_.insert(verb);
    }
    void release(std::string const& verb) {
        std::lock_guard const lock(mutex_);
        held_.erase(verb);
        changed_.notify_all();
    }
    /// The next `times` calls of `verb` fail.
    void fail(std::string const& verb, int times = 1) {
        std::lock_guard const lock(mutex_);
        failing_[verb] = times;
    }
    int calls(std::string const& verb) const {
        std::lock_guard const lock(mutex_);
        auto const found = calls_.find(verb);
        return found == calls_.end() ? 0 : found->second;
    }
    bool waits(std::string const& verb) const {
        std::lock_guard const lock(mutex_);
        return waiting_.contains(verb);
    }

    /// For the fake: returns false when the call is to fail.
    bool enter(std::string const& verb) {
        std::unique_lock lock(mutex_);
        ++calls_[verb];
        waiting_.insert(verb);
        changed_.wait(lock, [&] { return !held_.contains(verb); });
        waiting_.erase(verb);
        auto& left = failing_[verb];
        return left == 0 || left-- == 0;
    }

    /// Nothing is held or fails any more.
    void free_all() {
        std::lock_guard const lock(mutex_);
        held_.clear();
        failing_.clear();
        changed_.notify_all();
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::set<std::string> held_;
    std::set<std::string> waiting_;
    std::map<std::string, int> failing_;
    std::map<std::string, int> calls_;
};

}  // namespace test
