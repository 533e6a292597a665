// SPDX-License-Identifier: Apache-2.0
// The switch between link, state, timer and the coroutines that wait.
// Never calls `kernel_state` while one of its steps is being computed: steps are values, performed
// after the call returned. Loop thread only.
#include "kernelproto/link/kernel_driver.hpp"

#include "kernelproto/link/link_errc.hpp"
#include "kernelproto/link/zmq_link.hpp"
#include "kernelproto/link/zmtp_link.hpp"
#include "kernelproto/wire/codec.hpp"
#include "kernelproto/wire/errc.hpp"
#include "kernelproto/wire/session_id.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <iterator>
#include <new>
#include <stdexcept>
#include <utility>

namespace kernelproto {
namespace {

/// How long after its connections a kernel's process is given to be reported dead. The watcher
/// waits for evidence of the end, which takes tens of milliseconds, more on a busy host.
constexpr std::chrono::milliseconds death_follows_within{1000};

/// How long the sockets of a dead process may stay open and still be listened to.
constexpr std::chrono::milliseconds last_words_within{250};

/// The same while it still says something: reading what a dead kernel left takes its time.
constexpr std::chrono::milliseconds last_words_at_most{5000};

/// A millisecond's work, or a little more.
constexpr std::size_t read_on_loop_bytes = std::size_t{1024} * 1024;

/// Whoever is told so much works on it for some tenths of a millisecond.
constexpr std::size_t told_at_once_bytes = std::size_t{128} * 1024;

/// ZMTP 3.1, "Identity".
constexpr std::size_t max_identity_bytes = 255;

steady_time now() { return std::chrono::steady_clock::now(); }

frame_limits limits_of(connection_options const& options) {
    frame_limits limits;
    limits.max_message_bytes = options.max_message_bytes;
    return limits;
}

/// What of a long text is told next.
std::string_view whole_characters(std::string_view text) noexcept {
    auto size = told_at_once_bytes;
    while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) {
        --size;
    }
    return text.substr(0, size);
}

/// On a worker, which must not be ended by a message that takes more memory than there is.
result<message> decode_long(frame_list const& frames, std::string const& key,
                            frame_limits const& limits) {
    try {
        signer keys{key};
        return decode_whole(frames, keys, limits);
    } catch (std::bad_alloc const&) {
        return wire_errc::message_too_large;
    }
}

result<std::shared_ptr<link>> open_link(boost::asio::io_context& loop, transport carrier,
                                        link_options options, link_handler& handler) {
    if (carrier == transport::libzmq) {
        auto opened = zmq_link::open(loop, std::move(options), handler);
        return opened ? result<std::shared_ptr<link>>{*opened} : opened.error();
    }
    auto opened = zmtp_link::open(loop, std::move(options), handler);
    return opened ? result<std::shared_ptr<link>>{*opened} : opened.error();
}

std::string identity_of(connection_options const& options) {
    auto const& chosen = options.identity;
    if (chosen.size() > max_identity_bytes || (!chosen.empty() && chosen.front() == '\0')) {
        throw std::logic_error("not an identity that ZMTP allows");
    }
    return chosen.empty() ? make_session_id() : chosen;
}

/// How an execution ends that could not even be listened to.
end_cause cause_of(boost::system::error_code why) {
    return why == client_errc::kernel_died ? end_cause::kernel_died
           : why == client_errc::abandoned ? end_cause::abandoned
                                           : end_cause::unreachable;
}

link_failure failure_of(boost::system::error_code why) {
    return why == link_errc::no_resources ? link_failure::no_resources : link_failure::refused;
}

}  // namespace

kernel_driver::kernel_driver(boost::asio::io_context& loop, connection_options options,
                             kernel_connection::failure_sink on_failure, kernel_timings timings)
    : loop_(loop),
      options_(std::move(options)),
      on_failure_(std::move(on_failure)),
      identity_(identity_of(options_)),
      state_(options_.key, limits_of(options_),
             request_author{make_session_id(), now(), std::chrono::system_clock::now()}, timings),
      timer_(loop),
      search_pause_(loop),
      usable_(loop.get_executor()),
      ended_(loop.get_executor()) {}

kernel_driver::~kernel_driver() { end_link(); }

boost::asio::awaitable<result<kernel_info>> kernel_driver::become_usable(
    std::shared_ptr<kernel_driver> self, readiness::mode how, steady_time deadline) {
    if (auto const linked = co_await self->become_linked(deadline); !linked) {
        co_return linked.error();
    }
    self->perform(how == readiness::mode::fresh ? self->state_.begin_ready(deadline, now())
                                                : self->state_.begin_adopt(deadline, now()),
                  resume::later);
    co_return co_await self->usable_.wait([raw = self.get()] { raw->abandon(); });
}

/// Nothing to do where there is a link already.
boost::asio::awaitable<result<void>> kernel_driver::become_linked(steady_time deadline) {
    if (phase_ == phase::over) {
        co_return over_because_;
    }
    if (phase_ != phase::apart) {
        co_return result<void>{};
    }
    socket_search search{options_.socket_dir, options_.socket_prefix, options_.owner};
    if (auto const found = co_await find_sockets(search, deadline); !found) {
        co_return found.error();
    }
    link_options wanted;
    wanted.identity = identity_;
    wanted.max_message_bytes = options_.max_message_bytes;
    wanted.excerpts =
        std::make_shared<long_frames>(options_.key, max_content_bytes, options_.excerpts);
    wanted.connect_within = options_.connect_within;
    wanted.sockets = search.take();
    auto opened = open_link(loop_, options_.carrier, std::move(wanted), *this);
    if (!opened) {
        fail(failure_of(opened.error()), opened.error().message());
        co_return client_errc::unreachable;
    }
    link_ = std::move(*opened);
    phase_ = phase::linked;
    co_return result<void>{};
}

boost::asio::awaitable<result<void>> kernel_driver::find_sockets(socket_search& search,
                                                                 steady_time deadline) {
    search_given_up_ = false;
    for (;;) {
        auto const found = search.look();
        if (search.any() && options_.on_first_socket) {
            std::exchange(options_.on_first_socket, nullptr)();
        }
        if (found) {
            co_return result<void>{};
        }
        auto const why = found.error();
        if (why != link_errc::missing && why != link_errc::not_listening) {
            fail(failure_of(why), search.wanted() + ": " + why.message());
            co_return client_errc::unreachable;
        }
        auto const at = now();
        if (at >= deadline) {
            co_return client_errc::timed_out;
        }
        search_pause_.expires_at(std::min(at + search.pause(), deadline));
        co_await search_pause_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        if (phase_ == phase::over) {
            co_return over_because_;
        }
        if (search_given_up_) {
            co_return client_errc::abandoned;
        }
    }
}

/// A coroutine that is thrown out of its wait leaves no execution behind that nobody watches.
struct kernel_driver::abandon_unless_ended {
    explicit abandon_unless_ended(kernel_driver& of) : driver(of) {}
    abandon_unless_ended(abandon_unless_ended const&) = delete;
    abandon_unless_ended& operator=(abandon_unless_ended const&) = delete;
    ~abandon_unless_ended() {
        if (!ended) {
            (void)driver.state_.abandon();
            driver.sink_.reset();
        }
    }
    kernel_driver& driver;
    bool ended = false;
};

boost::asio::awaitable<execution_end> kernel_driver::run(std::shared_ptr<kernel_driver> self,
                                                         execute_request what,
                                                         kernel_connection::event_sink sink) {
    if (self->state_.running()) {
        throw std::logic_error("one execution at a time");
    }
    if (!self->link_) {
        co_return execution_end{end_cause::unreachable, std::nullopt};
    }
    auto begun = self->state_.begin_execute(std::move(what), now());
    co_return co_await self->hear_out(std::move(begun), std::move(sink));
}

boost::asio::awaitable<execution_end> kernel_driver::follow(std::shared_ptr<kernel_driver> self,
                                                            std::string msg_id, bool allow_stdin,
                                                            steady_time deadline,
                                                            kernel_connection::event_sink sink) {
    if (self->state_.running()) {
        throw std::logic_error("one execution at a time");
    }
    self->follow_begins_ = true;
    auto const linked = co_await self->become_linked(deadline);
    self->follow_begins_ = false;
    bool const interrupted = std::exchange(self->interrupt_followed_, false);
    if (!linked) {
        co_return execution_end{cause_of(linked.error()), std::nullopt};
    }
    auto begun = self->state_.begin_follow(std::move(msg_id), allow_stdin, now());
    if (interrupted) {
        auto more = self->state_.interrupt(now());
        std::move(more.send.begin(), more.send.end(), std::back_inserter(begun.send));
    }
    co_return co_await self->hear_out(std::move(begun), std::move(sink));
}

boost::asio::awaitable<execution_end> kernel_driver::hear_out(kernel_step begun,
                                                              kernel_connection::event_sink sink) {
    ended_.forget();
    abandon_unless_ended guard{*this};
    sink_ = std::make_shared<kernel_connection::event_sink>(std::move(sink));
    perform(std::move(begun), resume::later);
    auto how = co_await ended_.wait([this] { abandon(); });
    guard.ended = true;
    co_return how;
}

void kernel_driver::interrupt() {
    interrupt_followed_ = follow_begins_;
    perform(state_.interrupt(now()), resume::later);
}

void kernel_driver::answer_input(std::string_view value) {
    perform(state_.answer_input(value, now()), resume::later);
}

void kernel_driver::kernel_died() {
    switch (phase_) {
        case phase::apart:
        case phase::cut:
            finish_death();
            break;
        case phase::linked:
            phase_ = phase::dying;
            died_at_ = now();
            verdict_at_ = died_at_ + last_words_within;
            heard_at_death_ = counters().received;
            arm();
            break;
        case phase::dying:
        case phase::over:
            break;
    }
}

void kernel_driver::abandon() {
    search_given_up_ = true;
    if (phase_ == phase::apart) {
        search_pause_.cancel();
    }
    perform(state_.abandon(), resume::later);
}

void kernel_driver::close() {
    on_failure_ = nullptr;
    sink_.reset();
    end_link();
    perform(state_.abandon(), resume::later);
    (void)state_.link_lost();  // nothing is left to end; whatever is asked from now on is refused
    timer_.cancel();
}

void kernel_driver::on_message(channel from, frame_list frames) {
    if (options_.worker && from != channel::heartbeat && total_bytes(frames) > read_on_loop_bytes) {
        read_elsewhere(from, std::move(frames));
        return;
    }
    perform(state_.on_frames(from, frames, now()), resume::now);
}

/// What comes after it waits: the kernel's order is the truth.
void kernel_driver::read_elsewhere(channel from, frame_list frames) {
    link_->pause();
    reading_ = true;
    boost::asio::post(
        options_.worker, [self = shared_from_this(), from, frames = std::move(frames),
                          key = options_.key, limits = limits_of(options_)]() mutable {
            auto heard = decode_long(frames, key, limits);
            auto const bytes = total_bytes(frames);
            frames.clear();
            // The last owner of the driver may be this one, and it must end on its loop.
            auto& loop = self->loop_;
            boost::asio::post(
                loop, [self = std::move(self), from, bytes, heard = std::move(heard)]() mutable {
                    if (!self->link_) {
                        self->reading_ = false;
                        return;
                    }
                    auto const sink = self->sink_;
                    self->tell_in_turns(
                        self->state_.on_decoded(from, bytes, std::move(heard), now()), 0, sink);
                });
        });
}

/// A long text is told a piece in each turn of the loop, which goes on with others in between.
void kernel_driver::tell_in_turns(kernel_step step, std::size_t from,
                                  std::shared_ptr<kernel_connection::event_sink> to) {
    auto* const told = step.events.empty() ? nullptr : std::get_if<stream_text>(&step.events[0]);
    bool const wanted = to && to == sink_ && link_;
    if (wanted && told && told->text.size() - from > told_at_once_bytes) {
        auto const piece = whole_characters(std::string_view(told->text).substr(from));
        from += piece.size();
        (*to)(stream_text{told->name, std::string(piece), 0, told->text.size() - from});
        boost::asio::post(loop_, [self = shared_from_this(), step = std::move(step), from,
                                  to = std::move(to)]() mutable {
            self->tell_in_turns(std::move(step), from, std::move(to));
        });
        return;
    }
    reading_ = false;
    if (!wanted) {
        step.events.clear();
    } else if (told && from > 0) {
        auto rest = told->text.substr(from);
        // So long a text takes its time to be let go of, too.
        boost::asio::post(options_.worker,
                          [text = std::exchange(told->text, std::move(rest))] { (void)text; });
    }
    auto const link = link_;
    perform(std::move(step), resume::now);
    if (link) {
        link->resume();
    }
}

void kernel_driver::on_discarded(std::uint64_t messages, std::uint64_t bytes) {
    perform(state_.on_discarded(messages, bytes), resume::now);
}

void kernel_driver::on_failure(link_failure why, std::string const& detail) {
    if (phase_ == phase::dying) {
        finish_death();
    } else if (why == link_failure::lost) {
        phase_ = phase::cut;
        cut_detail_ = detail;
        verdict_at_ = now() + death_follows_within;
        arm();
    } else {
        fail(why, detail);
    }
}

void kernel_driver::fail(link_failure why, std::string const& detail) {
    auto const self = shared_from_this();
    over_because_ = client_errc::unreachable;
    end_link();
    auto step = state_.link_lost();
    if (auto const told = std::exchange(on_failure_, nullptr)) {
        told(why, detail);
    }
    perform(std::move(step), resume::later);
}

void kernel_driver::finish_death() {
    over_because_ = client_errc::kernel_died;
    end_link();
    perform(state_.kernel_died(), resume::later);
}

void kernel_driver::end_link() {
    phase_ = phase::over;
    verdict_at_.reset();
    search_pause_.cancel();
    if (auto const gone = std::move(link_)) {
        gone->close();
    }
}

void kernel_driver::perform(kernel_step step, resume how) {
    auto const self = shared_from_this();
    for (auto& out : step.send) {
        if (link_) {
            // A message that is not taken belongs to a link that is about to say why.
            (void)link_->send(out.to, std::move(out.frames));
        }
    }
    tell(step.events);
    if (step.unusable) {
        fail(link_failure::lost, std::string{*step.unusable});
    }
    arm();
    if (step.ready) {
        how == resume::now ? usable_.bring_now(std::move(*step.ready))
                           : usable_.bring_later(std::move(*step.ready));
    }
    if (step.ended) {
        sink_.reset();
        how == resume::now ? ended_.bring_now(std::move(*step.ended))
                           : ended_.bring_later(std::move(*step.ended));
    }
}

void kernel_driver::tell(std::vector<event>& events) {
    auto const sink = sink_;
    for (auto& each : events) {
        if (!sink || sink != sink_) {
            return;  // a sink may end its own execution
        }
        (*sink)(std::move(each));
    }
}

void kernel_driver::arm() {
    auto at = phase_ == phase::over ? std::nullopt : state_.next_deadline();
    if (verdict_at_ && (!at || *verdict_at_ < *at)) {
        at = verdict_at_;
    }
    // A timer that is due too early does no harm; setting it again at each message would.
    if (!at || (armed_for_ && *armed_for_ <= *at)) {
        return;
    }
    armed_for_ = at;
    timer_.expires_at(*at);
    timer_.async_wait([self = shared_from_this()](boost::system::error_code const& cancelled) {
        if (!cancelled) {
            self->on_timer();
        }
    });
}

void kernel_driver::on_timer() {
    armed_for_.reset();
    if (verdict_at_ && *verdict_at_ <= now()) {
        on_verdict_due();
        return;
    }
    perform(state_.on_timer(now()), resume::now);
}

void kernel_driver::on_verdict_due() {
    if (phase_ != phase::dying) {
        fail(link_failure::lost, *cut_detail_);
    } else if (now() >= died_at_ + last_words_at_most ||
               (std::exchange(heard_at_death_, counters().received) == counters().received &&
                !reading_)) {
        finish_death();
    } else {
        verdict_at_ = now() + last_words_within;
        arm();
    }
}

}  // namespace kernelproto
