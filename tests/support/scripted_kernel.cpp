// SPDX-License-Identifier: Apache-2.0
// The thread behind `scripted_kernel`: polls five sockets and one for orders of the test.
// Never sleeps: every pause is a `hold`. All of `player` but its constructor and `order` runs in
// the thread.
#include "tests/support/scripted_kernel.hpp"

#include "kernelproto/wire/codec.hpp"
#include "kernelproto/wire/json_text.hpp"

#include <fmt/format.h>
#include <zmq.hpp>
#include <zmq_addon.hpp>

#include <array>
#include <deque>
#include <optional>
#include <thread>
#include <utility>

namespace tests {

using kernelproto::channel;
using kernelproto::frame;
using kernelproto::frame_list;

step busy() { return say{channel::iopub, "status", R"({"execution_state":"busy"})"}; }
step idle() { return say{channel::iopub, "status", R"({"execution_state":"idle"})"}; }
step stream(std::string const& text) {
    return say{channel::iopub, "stream", fmt::format(R"({{"name":"stdout","text":"{}"}})", text)};
}
step ask(std::string const& prompt) {
    return say{channel::stdin_channel, "input_request",
               fmt::format(R"({{"prompt":"{}","password":false}})", prompt)};
}
step reply_ok() {
    return say{channel::shell, "execute_reply",
               R"({"status":"ok","execution_count":1,"payload":[],"user_expressions":{}})"};
}
script cell(script middle) {
    middle.insert(middle.begin(), busy());
    middle.push_back(reply_ok());
    middle.push_back(idle());
    return middle;
}

class scripted_kernel::player {
public:
    player(scripted_kernel& owner, std::string const& directory, std::string const& key,
           kernel_script what)
        : owner_(owner), what_(std::move(what)), keys_(key) {
        orders_in_.bind("inproc://orders");
        orders_out_.connect("inproc://orders");
        bind(channel::heartbeat, zmq::socket_type::router, directory + "/k-5");
        bind(channel::control, zmq::socket_type::router, directory + "/k-4");
        bind(channel::shell, zmq::socket_type::router, directory + "/k-1");
        bind(channel::stdin_channel, zmq::socket_type::router, directory + "/k-3");
        bind(channel::iopub, zmq::socket_type::xpub, directory + "/k-2");
        thread_ = std::thread{[this] {
            run();
        }};
    }
    player(player const&) = delete;
    player& operator=(player const&) = delete;
    ~player() {
        order("stop");
        thread_.join();
    }

    void order(std::string const& text) {
        orders_out_.send(zmq::buffer(text), zmq::send_flags::none);
    }

private:
    struct asked {
        std::string identity;
        kernelproto::header head;
    };
    enum class waits_for { nothing, go, interrupt, input };

    zmq::socket_t& at(channel which) { return sockets_[static_cast<std::size_t>(which)]; }

    void bind(channel which, zmq::socket_type type, std::string const& path) {
        auto& socket = at(which);
        socket = zmq::socket_t{context_, type};
        socket.set(zmq::sockopt::linger, 60000);
        socket.set(zmq::sockopt::sndhwm, 0);
        if (type == zmq::socket_type::router && which != channel::heartbeat) {
            socket.set(zmq::sockopt::router_handover, true);  // as ipykernel has it
        }
        if (which == channel::iopub) {
            // Welcomes whoever comes, though the one before has not been seen to leave.
            socket.set(zmq::sockopt::xpub_verbose, true);
        }
        socket.bind("ipc://" + path);
    }

    void run() {
        bool going = true;
        while (going) {
            std::vector<zmq::pollitem_t> items{{orders_in_.handle(), 0, ZMQ_POLLIN, 0}};
            std::vector<channel> which;
            for (auto const c : {channel::shell, channel::control, channel::iopub,
                                 channel::stdin_channel, channel::heartbeat}) {
                if (at(c) && !what_.mute) {
                    items.push_back({at(c).handle(), 0, ZMQ_POLLIN, 0});
                    which.push_back(c);
                }
            }
            zmq::poll(items, std::chrono::milliseconds{-1});
            for (std::size_t i = 0; i < which.size(); ++i) {
                if ((items[i + 1].revents & ZMQ_POLLIN) != 0 && at(which[i])) {
                    hear(which[i]);
                }
            }
            if ((items[0].revents & ZMQ_POLLIN) != 0) {
                zmq::message_t order;
                (void)orders_in_.recv(order);
                going = order.to_string_view() != "stop";
                if (order.to_string_view() == "answer") {
                    deaf_ = false;
                    answer_interrupts();
                    continue;
                }
                if (asking_) {
                    play(std::get<say>(ask("again")));
                    continue;
                }
                ++permits_;
                advance();
            }
        }
    }

    void hear(channel from) {
        std::vector<zmq::message_t> parts;
        (void)zmq::recv_multipart(at(from), std::back_inserter(parts));
        if (from == channel::iopub) {
            if (!parts[0].empty() && *parts[0].data<char>() == 1) {
                publish("iopub_welcome", R"({"subscription":""})", {});
            }
            return;
        }
        if (from == channel::heartbeat) {
            ++owner_.heartbeats_;
            if (what_.echoes_heartbeat) {
                (void)zmq::send_multipart(at(from), parts);
            }
            return;
        }
        frame_list frames;
        for (std::size_t i = 1; i < parts.size(); ++i) {
            frames.emplace_back(parts[i].to_string());
        }
        auto const heard = kernelproto::decode(frames, keys_, {});
        if (heard) {
            on_request(from, {parts[0].to_string(), heard->head},
                       std::string{heard->content.bytes()});
        }
    }

    void on_request(channel from, asked const& request, std::string const& content) {
        auto const& type = request.head.msg_type;
        if (type == "kernel_info_request") {
            on_kernel_info(from, request);
        } else if (type == "interrupt_request") {
            ++owner_.interrupts_;
            unanswered_.push_back(request);
            answer_interrupts();
            if (waits_ == waits_for::interrupt) {
                waits_ = waits_for::nothing;
            }
            advance();
        } else if (type == "input_reply") {
            input_ = content;
            asking_ = false;
            if (waits_ == waits_for::input) {
                waits_ = waits_for::nothing;
            }
            advance();
        } else if (type == "execute_request") {
            ++owner_.executes_;
            if (todo_.empty()) {
                begin(request, content);
                advance();
            } else {
                queued_.push_back({request, content});
            }
        }
    }

    void begin(asked const& request, std::string const& content) {
        for (auto const& [code, steps] : what_.on_code) {
            if (content.find('"' + code + '"') != std::string::npos) {
                running_ = request;
                todo_.assign(steps.begin(), steps.end());
                return;
            }
        }
    }

    void on_kernel_info(channel from, asked const& request) {
        ++owner_.nudges_;
        if (from == channel::shell && !what_.answers_kernel_info) {
            return;
        }
        if (from == channel::shell && !todo_.empty()) {
            queued_.push_back({request, ""});  // behind the cell, as in a kernel
            return;
        }
        publish("status", R"({"execution_state":"busy"})", request.head);
        answer(from, "kernel_info_reply",
               R"({"status":"ok","protocol_version":"5.3","implementation":"scripted",)"
               R"("implementation_version":"1","language_info":{"name":"none","version":"0"},)"
               R"("banner":""})",
               request);
        publish("status", R"({"execution_state":"idle"})", request.head);
    }

    void advance() {
        for (;;) {
            while (!todo_.empty() && ready_to_go_on()) {
                auto const next = std::move(todo_.front());
                todo_.pop_front();
                std::visit([this](auto const& each) { play(each); }, next);
            }
            if (!todo_.empty() || queued_.empty()) {
                return;
            }
            auto const [next, content] = std::move(queued_.front());
            queued_.pop_front();
            if (next.head.msg_type == "execute_request") {
                begin(next, content);
            } else {
                on_kernel_info(channel::shell, next);
            }
        }
    }

    bool ready_to_go_on() {
        if (waits_ == waits_for::go && permits_ > 0) {
            --permits_;
            waits_ = waits_for::nothing;
        }
        return waits_ == waits_for::nothing;
    }

    void play(hold const&) { waits_ = waits_for::go; }
    void play(hold_until_interrupt const&) { waits_ = waits_for::interrupt; }
    void play(hold_until_input const&) { waits_ = waits_for::input; }
    void play(ask_until_answered const&) {
        asking_ = true;
        waits_ = waits_for::input;
        play(std::get<say>(ask("first")));
    }
    void play(print_input const&) {
        auto const value = kernelproto::json_value{input_}.member("value").raw();
        publish("stream", fmt::format(R"({{"name":"stdout","text":{}}})", value), running_.head);
    }
    void play(go_deaf const&) { deaf_ = true; }
    void play(die const&) {
        for (auto& socket : sockets_) {
            socket.close();
        }
    }
    void play(close_channel const& which) { at(which.which).close(); }
    void play(say const& what) {
        kernelproto::header parent;
        if (what.about == say::parent::request) {
            parent = running_.head;
        } else if (what.about == say::parent::foreign) {
            parent = running_.head;
            parent.msg_id = "somebody-elses-request";
        }
        auto frames = make(what.type, what.content, parent, what.session);
        if (what.sign == say::signature::forged) {
            frames[1] = frame{std::string(64, 'a')};
        } else if (what.sign == say::signature::missing) {
            frames[1] = frame{};
        }
        send(what.on, running_, frames);
    }
    void play(say_raw const& what) {
        std::vector<zmq::const_buffer> parts;
        if (what.on != channel::iopub) {
            parts.push_back(zmq::buffer(running_.identity));
        }
        for (auto const& each : what.frames) {
            parts.push_back(zmq::buffer(each));
        }
        (void)zmq::send_multipart(at(what.on), parts);
    }
    void play(flood const& what) {
        for (int i = 0; i < what.count; ++i) {
            publish("stream",
                    fmt::format(R"({{"name":"stdout","text":"{}:{}"}})", i,
                                std::string(what.bytes, 'x')),
                    running_.head);
        }
    }
    void play(heavy const& what) {
        auto frames = make("display_data", R"({"data":{},"metadata":{}})", running_.head, "");
        for (int i = 0; i < what.frames; ++i) {
            frames.emplace_back(std::string(what.bytes, 'h'));
        }
        send(channel::iopub, running_, frames);
    }

    void answer_interrupts() {
        while (!deaf_ && !unanswered_.empty()) {
            answer(channel::control, "interrupt_reply", R"({"status":"ok"})", unanswered_.front());
            unanswered_.pop_front();
        }
    }

    void publish(std::string const& type, std::string const& content,
                 kernelproto::header const& parent) {
        send(channel::iopub, {}, make(type, content, parent, ""));
    }

    void answer(channel on, std::string const& type, std::string const& content,
                asked const& request) {
        send(on, request, make(type, content, request.head, ""));
    }

    frame_list make(std::string const& type, std::string const& content,
                    kernelproto::header const& parent, std::string const& session) {
        kernelproto::outgoing out;
        out.head = {fmt::format("kernel-{}", ++said_), session.empty() ? what_.session : session,
                    "kernel",
                    // Every message is later than the one before, so that idle follows its reply.
                    fmt::format("2026-01-01T00:00:00.{:06}Z", said_ % 1000000), type, "5.3"};
        out.parent = parent;
        out.content = content;
        return kernelproto::encode(out, keys_);
    }

    void send(channel on, asked const& to, frame_list const& frames) {
        if (!at(on)) {
            return;
        }
        std::vector<zmq::const_buffer> parts;
        std::string const topic = "kernel.scripted";
        parts.push_back(zmq::buffer(on == channel::iopub ? topic : to.identity));
        for (auto const& each : frames) {
            parts.emplace_back(each.bytes().data(), each.bytes().size());
        }
        (void)zmq::send_multipart(at(on), parts);
    }

    scripted_kernel& owner_;
    kernel_script what_;
    kernelproto::signer keys_;
    zmq::context_t context_;
    zmq::socket_t orders_in_{context_, zmq::socket_type::pair};
    zmq::socket_t orders_out_{context_, zmq::socket_type::pair};
    std::array<zmq::socket_t, 5> sockets_;
    asked running_;
    std::deque<step> todo_;
    std::deque<std::pair<asked, std::string>> queued_;  // with their contents
    std::deque<asked> unanswered_;
    std::string input_;
    bool asking_ = false;
    bool deaf_ = false;
    waits_for waits_ = waits_for::nothing;
    int permits_ = 0;
    int said_ = 0;
    std::thread thread_;
};

scripted_kernel::scripted_kernel(std::string const& directory, std::string key,
                                 kernel_script script)
    : player_(std::make_unique<player>(*this, directory, key, std::move(script))) {}

scripted_kernel::~scripted_kernel() = default;

void scripted_kernel::go() { player_->order("go"); }

void scripted_kernel::answer_interrupts() { player_->order("answer"); }

}  // namespace tests
