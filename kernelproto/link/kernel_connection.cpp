// SPDX-License-Identifier: Apache-2.0
// The connection as its owner holds it: closes the driver when it is let go.
// Never holds state of its own, so that it may be destroyed from any callback. Loop thread only.
#include "kernelproto/link/kernel_connection.hpp"

#include "kernelproto/link/kernel_driver.hpp"

#include <utility>

namespace kernelproto {
namespace {

class zmq_kernel_connection final : public kernel_connection {
public:
    zmq_kernel_connection(boost::asio::io_context& loop, connection_options options,
                          failure_sink on_failure)
        : driver_(
              std::make_shared<kernel_driver>(loop, std::move(options), std::move(on_failure))) {}
    zmq_kernel_connection(zmq_kernel_connection const&) = delete;
    zmq_kernel_connection& operator=(zmq_kernel_connection const&) = delete;
    ~zmq_kernel_connection() override { driver_->close(); }

    boost::asio::awaitable<result<kernel_info>> ready(steady_time deadline) override {
        return kernel_driver::become_usable(driver_, readiness::mode::fresh, deadline);
    }
    boost::asio::awaitable<result<kernel_info>> adopt(steady_time deadline) override {
        return kernel_driver::become_usable(driver_, readiness::mode::adopted, deadline);
    }
    boost::asio::awaitable<execution_end> execute(execute_request request,
                                                  event_sink sink) override {
        return kernel_driver::run(driver_, std::move(request), std::move(sink));
    }
    boost::asio::awaitable<execution_end> follow(std::string msg_id, bool allow_stdin,
                                                 steady_time deadline, event_sink sink) override {
        return kernel_driver::follow(driver_, std::move(msg_id), allow_stdin, deadline,
                                     std::move(sink));
    }
    void interrupt() override { driver_->interrupt(); }
    void answer_input(std::string value) override { driver_->answer_input(value); }
    void kernel_died() override { driver_->kernel_died(); }
    void abandon() override { driver_->abandon(); }
    connection_counters const& counters() const override { return driver_->counters(); }
    void close() override { driver_->close(); }

private:
    std::shared_ptr<kernel_driver> driver_;
};

}  // namespace

std::unique_ptr<kernel_connection> create_kernel_connection(
    boost::asio::io_context& loop, connection_options options,
    kernel_connection::failure_sink on_failure) {
    return std::make_unique<zmq_kernel_connection>(loop, std::move(options), std::move(on_failure));
}

}  // namespace kernelproto
