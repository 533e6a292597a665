// SPDX-License-Identifier: Apache-2.0
// The player of scripts. Never knows what a machine is for: it compares what came of a play with
// what came of the same play when nothing went wrong. One test at a time.
#include "tests/support/script.hpp"

#include "kernelproto/client/errc.hpp"

#include <algorithm>
#include <utility>

namespace kernelproto::script {
namespace {

constexpr int restless = 500;               // ticks after which a machine will never come to rest
constexpr std::chrono::hours far_away{24};  // a deadline beyond this is no waiting

char const* name(channel which) {
    switch (which) {
        case channel::shell:
            return "shell";
        case channel::control:
            return "control";
        case channel::iopub:
            return "iopub";
        case channel::stdin_channel:
            return "stdin";
        case channel::heartbeat:
            return "heartbeat";
    }
    return "?";
}

char const* name(end_cause why) {
    switch (why) {
        case end_cause::complete:
            return "complete";
        case end_cause::reply_without_idle:
            return "reply_without_idle";
        case end_cause::idle_without_reply:
            return "idle_without_reply";
        case end_cause::ended_unheard:
            return "ended_unheard";
        case end_cause::kernel_died:
            return "kernel_died";
        case end_cause::kernel_replaced:
            return "kernel_replaced";
        case end_cause::unreachable:
            return "unreachable";
        case end_cause::abandoned:
            return "abandoned";
    }
    return "?";
}

char const* name(drop why) {
    switch (why) {
        case drop::none:
            return "none";
        case drop::invalid:
            return "invalid";
        case drop::foreign_parent:
            return "foreign";
        case drop::late:
            return "late";
        case drop::unasked:
            return "unasked";
        case drop::surplus:
            return "surplus";
    }
    return "?";
}

struct teller {
    std::string operator()(started const& e) const {
        return "started " + std::to_string(e.execution_count);
    }
    std::string operator()(stream_text const& e) const {
        return (e.name == stream_text::stream::stdout_stream ? "stdout " : "stderr ") + e.text;
    }
    std::string operator()(rich_output const& e) const {
        using kind = rich_output::kind;
        std::string text = e.what == kind::display_data     ? "display"
                           : e.what == kind::execute_result ? "result"
                                                            : "update";
        text += e.execution_count ? " " + std::to_string(*e.execution_count) : "";
        text += e.display_id ? " " + *e.display_id : "";
        return text + " " + e.data;
    }
    std::string operator()(output_cleared const& e) const {
        return e.wait ? "clear at next output" : "clear";
    }
    std::string operator()(raised const& e) const { return "raised " + e.ename + ": " + e.evalue; }
    std::string operator()(input_wanted const& e) const {
        return (e.password ? "password? " : "input? ") + e.prompt;
    }
    std::string operator()(output_discarded const& e) const {
        return "discarded " + std::to_string(e.bytes);
    }
};

std::string describe_ready(result<kernel_info> const& ready) {
    return ready ? "ready " + ready->implementation : "not ready: " + ready.error().message();
}

/// One play. Lines are fed by their number, so that a date can be made of it.
class player {
public:
    explicit player(factory const& make)
        : now_(steady_time{} + std::chrono::hours{1}),
          author_("ours", now_, std::chrono::system_clock::time_point{}) {
        ids_["earlier"] = author_.sign_off("execute_request", now_).msg_id;
        ids_["cell"] = followed_cell;
        ids_["foreign"] = "somebody_1";
        ids_["nobody"] = "";
        machine_ = make(author_, now_);
    }

    transcript start() { return take(machine_.start(now_)); }

    transcript feed(line const& which, std::size_t number) {
        return which.does == line::what::says ? hear(which, number) : pass(which.time);
    }

    transcript stop(end_cause why) { return take(machine_.stop(why)); }

    /// Time alone, until nothing is waited for.
    void rest() {
        for (int ticks = 0; !finished() && machine_.deadline(); ++ticks) {
            if (ticks == restless) {
                result.stuck = true;
                return;
            }
            if (*machine_.deadline() - now_ > far_away) {
                return;
            }
            now_ = std::max(now_, *machine_.deadline());
            take(machine_.tick(now_));
        }
    }

    /// A kernel that answers every nudge that it is sent from now on, at the end of its silence.
    void rest_with_answers() {
        for (int rounds = 0; rounds < 8 && !finished(); ++rounds) {
            for (auto const* nudge : {"shell nudge", "control nudge"}) {
                answer(nudge);
            }
            if (auto const next = machine_.deadline();
                next && *next - now_ < far_away && !finished()) {
                now_ = std::max(now_, *next);
                take(machine_.tick(now_));
            }
        }
    }

    bool tells_kernels_apart() const { return machine_.tells_kernels_apart; }

    bool finished() const { return !result.ends.empty() || result.decided > 0; }

    outcome result;

private:
    void answer(std::string const& nudge) {
        auto const found = ids_.find(nudge);
        if (found == ids_.end()) {
            return;
        }
        bool const shell = nudge == "shell nudge";
        hear(says(channel::iopub, "status", R"({"execution_state":"busy"})").of(nudge), 900);
        hear(says(shell ? channel::shell : channel::control, "kernel_info_reply", "{}").of(nudge),
             901);
        hear(says(channel::iopub, "status", R"({"execution_state":"idle"})").of(nudge), 902);
    }

    transcript hear(line const& which, std::size_t number) {
        message heard;
        heard.head = {"kernel_" + std::to_string(++said_),
                      which.session,
                      "kernel",
                      which.date.value_or(print_date(static_cast<std::int64_t>(number) * 1000)),
                      which.type,
                      "5.3"};
        auto const whose = ids_.find(which.parent);
        heard.parent.msg_id = whose == ids_.end() ? "never_sent_" + which.parent : whose->second;
        heard.metadata = frame{std::string("{}")};
        heard.content = frame{which.content};
        return take(machine_.hear(which.from, heard, now_));
    }

    transcript pass(milliseconds time) {
        transcript out;
        auto const until = now_ + time;
        for (int ticks = 0; ticks < restless; ++ticks) {
            auto const next = machine_.deadline();
            if (!next || *next > until) {
                break;
            }
            now_ = std::max(now_, *next);
            auto more = take(machine_.tick(now_));
            std::move(more.begin(), more.end(), std::back_inserter(out));
        }
        now_ = until;
        return out;
    }

    transcript take(actions const& made) {
        bool const had_finished = finished();
        if (had_finished &&
            (!made.send.empty() || !made.events.empty() || made.ended || made.ready)) {
            result.after_end = true;
        }
        for (auto const& sent : made.send) {
            remember(sent);
            result.sent.push_back(script::describe(sent));
        }
        for (auto const& told : made.events) {
            result.told.push_back(describe(told));
        }
        if (made.ended) {
            result.ends.push_back(*made.ended);
        }
        if (made.ready) {
            ++result.decided;
            result.decision = describe_ready(*made.ready);
        }
        return describe(made);
    }

    void remember(request const& sent) {
        auto const& type = sent.what.head.msg_type;
        auto const key = type == "execute_request"     ? std::string("cell")
                         : type == "interrupt_request" ? std::string("interrupt")
                                                       : std::string(name(sent.to)) + " nudge";
        ids_[key] = sent.what.head.msg_id;
    }

    steady_time now_;
    request_author author_;
    machine machine_;
    std::map<std::string, std::string> ids_;
    int said_ = 0;
};

std::string status_of(outcome const& from) {
    if (from.ends.empty()) {
        return "no end";
    }
    auto const& reply = from.ends.front().reply;
    return !reply ? "no reply" : std::to_string(static_cast<int>(reply->what));
}

/// What holds however a play went.
void check_invariants(outcome const& got) {
    CHECK_FALSE(got.stuck);
    CHECK_FALSE(got.after_end);
    CHECK(got.ends.size() <= 1);
    CHECK(got.decided <= 1);
}

/// Every event of the plain play that was told, in its order, perhaps with doubles between.
bool is_subsequence(transcript const& part, transcript const& whole) {
    auto at = whole.begin();
    for (auto const& each : part) {
        at = std::find(at, whole.end(), each);
        if (at == whole.end()) {
            return false;
        }
        ++at;
    }
    return true;
}

outcome play_plainly(row const& which, factory const& make) {
    player it(make);
    it.start();
    for (std::size_t i = 0; i < which.lines.size(); ++i) {
        it.feed(which.lines[i], i);
    }
    return it.result;
}

void cut_off(row const& which, factory const& make, std::size_t at, end_cause why,
             outcome const& plain) {
    player it(make);
    it.start();
    std::size_t sent_before = 0;
    for (std::size_t i = 0; i < which.lines.size(); ++i) {
        if (i == at) {
            bool const running = !it.finished();
            it.stop(why);
            if (running && !it.result.ends.empty()) {
                CHECK(it.result.ends.front().cause == why);
            }
            CHECK(it.finished() == which.ends);
            sent_before = it.result.sent.size();
        }
        it.feed(which.lines[i], i);
    }
    it.rest();
    check_invariants(it.result);
    CHECK(it.result.sent.size() == sent_before);
    if (which.ends && !it.result.ends.empty()) {
        // An error that only the reply told is told at the end, however it comes.
        CHECK(it.result.told.size() <= plain.told.size() + 1);
    }
}

void doubled(row const& which, factory const& make, std::size_t at, outcome const& plain) {
    player it(make);
    it.start();
    for (std::size_t i = 0; i < which.lines.size(); ++i) {
        it.feed(which.lines[i], i);
        if (i == at) {
            it.feed(which.lines[i], i);
        }
    }
    check_invariants(it.result);
    CHECK(it.finished() == (!plain.ends.empty() || plain.decided > 0));
    CHECK(is_subsequence(plain.told, it.result.told));
    CHECK(it.result.sent == plain.sent);
    if (!plain.ends.empty() && !it.result.ends.empty()) {
        CHECK(it.result.ends.front().cause == plain.ends.front().cause);
        CHECK(status_of(it.result) == status_of(plain));
    }
}

void swapped(row const& which, factory const& make, std::size_t at, outcome const& plain) {
    auto copy = which;
    // Each keeps its date: it is the way that differs, not the kernel. Without a date the way is
    // all that there is to judge by.
    for (auto const i : {at, at + 1}) {
        copy.lines[i].date =
            copy.lines[i].date.value_or(print_date(static_cast<std::int64_t>(i) * 1000));
    }
    std::swap(copy.lines[at], copy.lines[at + 1]);
    player it(make);
    it.start();
    for (std::size_t i = 0; i < copy.lines.size(); ++i) {
        it.feed(copy.lines[i], i);
    }
    bool const two_sockets = which.lines[at].from != which.lines[at + 1].from;
    bool const dated = copy.lines[at].date != "" && copy.lines[at + 1].date != "";
    if (two_sockets && dated && !plain.ends.empty()) {
        it.rest_with_answers();
        REQUIRE(it.result.ends.size() == 1);
        CHECK(it.result.ends.front().cause == plain.ends.front().cause);
        // What was heard before another kernel showed up does depend on the order.
        if (plain.ends.front().cause != end_cause::kernel_replaced) {
            CHECK(status_of(it.result) == status_of(plain));
        }
    }
    if (plain.decided > 0) {
        it.rest_with_answers();
        CHECK(it.result.decided == plain.decided);
    }
    it.rest();
    check_invariants(it.result);
}

/// Another kernel says it instead.
void replaced(row const& which, factory const& make, std::size_t at) {
    auto const begin = which.lines.begin();
    bool const known =
        std::any_of(begin, begin + static_cast<std::ptrdiff_t>(at),
                    [](line const& l) { return l.does == line::what::says && !l.session.empty(); });
    player it(make);
    it.start();
    for (std::size_t i = 0; i < which.lines.size(); ++i) {
        bool const running = !it.finished();
        it.feed(i == at ? which.lines[i].by("usurper") : which.lines[i], i);
        if (i == at && known && running && it.tells_kernels_apart()) {
            REQUIRE(it.finished());
            CHECK((it.result.decision == describe_ready(client_errc::kernel_replaced) ||
                   (!it.result.ends.empty() &&
                    it.result.ends.front().cause == end_cause::kernel_replaced)));
        }
    }
    it.rest();
    check_invariants(it.result);
}

/// A kernel that still answers lets the machine find out which half was lost, and nothing else.
void check_cause(line const& missing, outcome const& got, outcome const& plain) {
    if (plain.ends.empty() || plain.ends.front().cause != end_cause::complete) {
        return;
    }
    REQUIRE(got.ends.size() == 1);
    auto const cause = got.ends.front().cause;
    CHECK((cause == end_cause::complete ||
           (cause == end_cause::reply_without_idle && missing.type == "status") ||
           ((cause == end_cause::idle_without_reply || cause == end_cause::ended_unheard) &&
            missing.type == "execute_reply")));
}

void lost(row const& which, factory const& make, std::size_t at, bool kernel_answers,
          outcome const& plain) {
    player it(make);
    it.start();
    for (std::size_t i = 0; i < which.lines.size(); ++i) {
        if (i != at) {
            it.feed(which.lines[i], i);
        }
    }
    if (kernel_answers) {
        it.rest_with_answers();
        check_cause(which.lines[at], it.result, plain);
    }
    it.rest();
    if (!it.finished()) {
        // It waits without a deadline, so it must be the kernel's turn and the owner's patience.
        it.stop(end_cause::abandoned);
    }
    check_invariants(it.result);
    CHECK(it.finished() == which.ends);
}

}  // namespace

std::string describe(request const& sent) {
    return std::string("> ") + name(sent.to) + " " + sent.what.head.msg_type;
}

std::string describe(event const& told) { return std::visit(teller{}, told); }

std::string describe(execution_end const& end) {
    using status = execute_reply::status;
    std::string text = std::string("end ") + name(end.cause);
    if (!end.reply) {
        return text + ", no reply";
    }
    text += end.reply->what == status::ok      ? ", ok"
            : end.reply->what == status::error ? ", error"
                                               : ", aborted";
    text += end.reply->error ? " " + end.reply->error->ename : "";
    text += end.reply->ask_exit ? ", exit" : "";
    return text;
}

transcript describe(actions const& made) {
    transcript out;
    for (auto const& each : made.send) {
        out.push_back(describe(each));
    }
    for (auto const& each : made.events) {
        out.push_back(describe(each));
    }
    if (made.ended) {
        out.push_back(describe(*made.ended));
    }
    if (made.ready) {
        out.push_back(describe_ready(*made.ready));
    }
    if (made.dropped != drop::none) {
        out.push_back(std::string("dropped ") + name(made.dropped));
    }
    return out;
}

void play(row const& which, factory const& make) {
    player it(make);
    CHECK(it.start() == which.at_start);
    for (std::size_t i = 0; i < which.lines.size(); ++i) {
        CAPTURE(i, which.lines[i].type);
        CHECK(it.feed(which.lines[i], i) == which.lines[i].expected);
    }
    CHECK(it.finished() == which.ends);
    it.rest();
    check_invariants(it.result);
}

void replay(row const& which, factory const& make) {
    auto const plain = play_plainly(which, make);
    for (std::size_t i = 0; i < which.lines.size(); ++i) {
        auto const& each = which.lines[i];
        CAPTURE(i, each.type);
        if (each.does != line::what::says) {
            continue;
        }
        {
            INFO("the link breaks before it");
            cut_off(which, make, i, end_cause::unreachable, plain);
        }
        {
            INFO("the kernel dies before it");
            cut_off(which, make, i, end_cause::kernel_died, plain);
        }
        {
            INFO("it comes twice");
            doubled(which, make, i, plain);
        }
        {
            INFO("it is lost, and the kernel says no more");
            lost(which, make, i, false, plain);
        }
        {
            INFO("it is lost, and the kernel answers what it is asked");
            lost(which, make, i, true, plain);
        }
        {
            INFO("another kernel says it");
            replaced(which, make, i);
        }
        if (i + 1 < which.lines.size() && which.lines[i + 1].does == line::what::says) {
            INFO("it changes places with the next");
            swapped(which, make, i, plain);
        }
    }
}

}  // namespace kernelproto::script
