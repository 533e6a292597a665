// SPDX-License-Identifier: Apache-2.0
// LibreChat's code interpreter API: what its clients send becomes calls of the service, and back.
// Never a rule of its own about sessions or files, and never an answer that is not 200 for what a
// program does. On the loop; the service outlives it. Uploads and downloads, which the simple API
// has under the same paths, are in http/api.
#pragma once

#include "broker/service/service.hpp"
#include "http/api/api.hpp"
#include "http/api/call.hpp"
#include "http/librechat/exec_answer.hpp"
#include "http/librechat/exec_request.hpp"
#include "http/librechat/program_table.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace http::librechat {

struct facade_settings {
    std::uint64_t json_body_bytes = std::uint64_t{64} << 20;
    std::size_t max_files = 10;                         // of one answer
    std::size_t max_text_bytes = std::size_t{1} << 20;  // of each stream of one answer
    /// A call that names the `session_id` of an earlier answer goes on in its session.
    bool keeps_session_id = false;
};

class facade {
public:
    facade(broker::service& service, facade_settings settings)
        : service_(service), settings_(settings) {}

    /// Under each base address that operators are known to configure. They refer to this object.
    std::vector<api::endpoint> endpoints();

    /// Before the service's own: programs that wait for their clients would hold it up.
    void drain() { programs_.drain(); }

    /// Looks at what is due.
    void reap() { programs_.reap(); }

private:
    broker::task<response> exec(api::call here);
    broker::task<response> programmatic(api::call here);
    broker::task<response> cancel_program(api::call here);
    broker::task<response> list_files(api::call here);
    broker::task<response> get_object(api::call here);
    broker::task<response> delete_object(api::call here);
    static broker::task<response> health(api::call here);

    broker::result<std::string> kernel_for(std::string const& language, bool keeps_state) const;
    /// The inputs that are there; of the others a note.
    broker::task<broker::result<std::vector<broker::wanted_input>>> find_inputs(
        std::vector<std::string> tenants, std::vector<file_ref> const& refs,
        std::vector<std::string>& notes);
    /// One file, whosever of those it is; `file_not_found`.
    broker::task<broker::result<broker::file_version>> find_file(std::vector<std::string> tenants,
                                                                 std::string id);
    /// A run with its inputs in place, and what is known of its answer.
    struct begun_run {
        std::shared_ptr<broker::file_run> run;
        exec_result frame;
    };
    /// The name of the session that lives on, where the call is to be in one.
    broker::task<std::optional<std::string>> live_session(api::call here,
                                                          exec_request const& wanted,
                                                          std::vector<std::string>& notes);
    /// `live`: see `live_session`.
    broker::task<broker::result<begun_run>> begin(api::call here, exec_request const& wanted,
                                                  std::string kernel,
                                                  std::optional<std::string> live = {});
    broker::task<broker::result<exec_result>> run(api::call here, exec_request wanted);
    broker::task<broker::result<std::shared_ptr<program_run>>> begin_program(
        api::call here, program_request wanted);
    broker::task<response> serve(api::call here, std::shared_ptr<program_run> run);

    broker::service& service_;
    facade_settings settings_;
    program_table programs_{service_.context().clock};
};

}  // namespace http::librechat
