// SPDX-License-Identifier: Apache-2.0
#include "broker/daemon/config.hpp"

#include "tests/support/catch.hpp"

using broker::config;
using broker::config_inputs;
using broker::make_config;
using Catch::Matchers::ContainsSubstring;

namespace {

config from_file(std::string text) {
    config_inputs inputs;
    inputs.file_name = "config.toml";
    inputs.file_text = std::move(text);
    return make_config(inputs);
}

/// The one problem of a file, as it is shown.
std::string problem_of(std::string text) {
    auto const made = from_file(std::move(text));
    REQUIRE(made.problems.size() == 1);
    return to_text(made.problems);
}

}  // namespace

TEST_CASE("nothing given means the documented defaults", "[daemon][config]") {
    auto const made = make_config({});
    CHECK(made.problems.empty());
    CHECK(made.sources.empty());
    CHECK(made.values.server.listen == "127.0.0.1:8000");
    CHECK(made.values.limits.defaults.memory_bytes == 512U << 20U);
    CHECK(made.values.limits.defaults.cpus == 0.5);
    CHECK(made.values.limits.defaults.pids == 128);
    CHECK(made.values.limits.defaults.disk_bytes == 1U << 30U);
    CHECK(made.values.limits.defaults.timeout_s == 60);
    CHECK(made.values.limits.maxima.timeout_s == 600);
    CHECK(made.values.sessions.idle_timeout_s == 1800);
    CHECK(made.values.sessions.workspace_keep_s == 86400);
    CHECK(made.values.sessions.caps.sessions == 200);
    CHECK(made.values.sessions.caps.sessions_per_tenant == 50);
    CHECK(made.values.sessions.caps.queue_per_session == 32);
    CHECK(made.values.executions.output.max_bytes == 16U << 20U);
    CHECK(made.values.executions.output.max_outputs == 50000);
    CHECK(made.values.executions.keep == 100);
    CHECK(made.values.server.json_body_bytes == 32U << 20U);
    CHECK(made.values.server.upload_bytes == 1U << 30U);
    CHECK(made.values.server.header_bytes == 16U << 10U);
    CHECK(made.values.sandbox.boost_cpus == 2);
    CHECK(made.values.sandbox.tmp_bytes == 64U << 20U);
    CHECK(made.values.sandbox.workspace_quota == "loop");
}

TEST_CASE("a flag wins over the environment, that over the file, that over the default",
          "[daemon][config]") {
    config_inputs inputs;
    inputs.file_name = "config.toml";
    inputs.file_text = "pids = 200\ncpus = 1\n\nmax_pids = 300";
    inputs.environment = {{"HOME", "/root"},
                          {"KERNEL_BROKER_PIDS", "210"},
                          {"KERNEL_BROKER_CPUS", "1.5"},
                          {"KERNEL_BROKER_CRASH_AT", "sent:2"},
                          {"KERNEL_BROKER_CONFIG", "config.toml"}};
    inputs.flags = {{"pids", "219"}, {"pids", "220"}};
    auto const made = make_config(inputs);
    REQUIRE(to_text(made.problems) == "");
    CHECK(made.values.limits.defaults.pids == 220);
    CHECK(made.values.limits.defaults.cpus == 1.5);
    CHECK(made.values.limits.maxima.pids == 300);
    CHECK(made.sources.at("pids") == "flag pids");
    CHECK(made.sources.at("cpus") == "KERNEL_BROKER_CPUS");
    CHECK(made.sources.at("max_pids") == "config.toml:4");
    CHECK_FALSE(made.sources.contains("max_cpus"));
}

TEST_CASE("an unknown key is refused with its line and the nearest known one", "[daemon][config]") {
    CHECK(problem_of("pids = 20\nlisen = 'x'") ==
          "config.toml:2: lisen is no setting; did you mean listen?\n");
    CHECK(problem_of("[server]\nlisten = '127.0.0.1:1'") ==
          "config.toml:2: server.listen is no setting; did you mean listen?\n");
    CHECK(problem_of("memory = 1") ==
          "config.toml:1: memory is no setting; did you mean memory_bytes?\n");
    CHECK_THAT(problem_of("zzz = 1"), ContainsSubstring("`kernel-broker check-config` lists all"));
}

TEST_CASE("an unknown variable of ours is refused, others are ignored", "[daemon][config]") {
    config_inputs inputs;
    inputs.environment = {{"KERNEL_BROKER_LISEN", "x"}, {"kernel_broker_pids", "x"}};
    auto const made = make_config(inputs);
    CHECK(to_text(made.problems) ==
          "KERNEL_BROKER_LISEN: no setting has this name; did you mean KERNEL_BROKER_LISTEN?\n");

    inputs.environment = {{"KERNEL_BROKER_pids", "20"}};
    CHECK(make_config(inputs).problems.size() == 1);

    inputs.environment = {{"KERNEL_BROKER_URL", "http://h"}, {"KERNEL_BROKER_API_KEY", "k"}};
    CHECK(make_config(inputs).problems.empty());
}

TEST_CASE("a wrong type or a value out of bounds tells the line and what is allowed",
          "[daemon][config]") {
    CHECK(problem_of("\npids = 'many'") ==
          "config.toml:2: pids is \"many\"; it must be a whole number, 16 to 1000000\n");
    CHECK(problem_of("pids = 15") ==
          "config.toml:1: pids is 15; it must be a whole number, 16 to 1000000\n");
    CHECK(problem_of("pids = 16.5") ==
          "config.toml:1: pids is 16.5; it must be a whole number, 16 to 1000000\n");
    CHECK(problem_of("memory_bytes = 1") ==
          "config.toml:1: memory_bytes is 1; it must be a whole number of bytes, 64 MiB to 64 "
          "TiB\n");
    CHECK(problem_of("timeout_s = 0") ==
          "config.toml:1: timeout_s is 0; it must be a number of seconds, 0.001 to 2592000\n");
    CHECK_THAT(problem_of("timeout_s = nan"), ContainsSubstring("timeout_s is nan"));
    CHECK_THAT(problem_of("timeout_s = inf"), ContainsSubstring("timeout_s is inf"));
    CHECK_THAT(problem_of("pids = -9223372036854775808"), ContainsSubstring("16 to 1000000"));
    CHECK(problem_of("workspace_quota = 'ext4'") ==
          "config.toml:1: workspace_quota is \"ext4\"; it must be text, loop or none\n");
    CHECK(problem_of("listen = 8000") == "config.toml:1: listen is 8000; it must be text\n");
    CHECK_THAT(problem_of("listen = true"), ContainsSubstring("listen is true or false"));
    CHECK_THAT(problem_of("listen = 'example.org:80'"), ContainsSubstring("ADDRESS:PORT"));
    CHECK_THAT(problem_of("state_dir = 'var'"), ContainsSubstring("absolute path"));
    CHECK_THAT(problem_of("trusted_networks = ['10.0.0.1/8']"), ContainsSubstring("10.0.0.0/8"));
    CHECK_THAT(problem_of("trusted_networks = [10]"), ContainsSubstring("kind of value"));
    CHECK_THAT(problem_of("listen = 2020-01-01"), ContainsSubstring("kind of value"));
    CHECK_THAT(problem_of("image = '../../etc'"), ContainsSubstring("without a dot in front"));
    CHECK_THAT(problem_of("runtime = ''"), ContainsSubstring("name of a program"));
}

TEST_CASE("what is not TOML is told with its line", "[daemon][config]") {
    CHECK_THAT(problem_of("pids = 20\npids = 30"), ContainsSubstring("config.toml:2: "));
    CHECK_THAT(problem_of("pids = 20\n\nlisten ="), ContainsSubstring("config.toml:3: "));
    CHECK_THAT(problem_of("x = \"\xff\""), ContainsSubstring("config.toml:1: "));
    CHECK_THAT(problem_of("pids = 20\n\xef\xbb\xbb=da"), ContainsSubstring("config.toml:2: "));
    CHECK_THAT(problem_of("e=[\n]\n\"\"\"oo\n#\\\xef\xb8\xbf\\\n"),
               ContainsSubstring("config.toml:3: no setting takes a text of several lines"));
    CHECK_THAT(problem_of(std::string{"pids = 20\n\0", 11}), ContainsSubstring("config.toml:2: "));
    CHECK_THAT(problem_of(std::string(100000, '[')), ContainsSubstring("config.toml:1: "));
}

TEST_CASE("comments may hold any language, texts any character by its escape", "[daemon][config]") {
    auto const made = from_file("# Größe\n  # größer\nstate_dir = '/tmp/x'  # small\n");
    CHECK(to_text(made.problems) == "");
    CHECK(from_file("state_dir = \"/gr\\u00f6\"").values.state_dir == "/gr\xc3\xb6");
}

TEST_CASE("all problems are told at once", "[daemon][config]") {
    auto const made = from_file("pids = 1\ncpus = 0\nx = 1");
    CHECK(made.problems.size() == 3);
}

TEST_CASE("bytes may carry a unit, modes are octal, lists have commas outside of files",
          "[daemon][config]") {
    auto const made = from_file("memory_bytes = '128 MiB'\nunit_mode = 1");
    CHECK(made.problems.size() == 1);

    config_inputs inputs;
    inputs.environment = {{"KERNEL_BROKER_MEMORY_BYTES", "2GiB"},
                          {"KERNEL_BROKER_UNIX_MODE", "0o600"},
                          {"KERNEL_BROKER_TRUSTED_NETWORKS", "10.0.0.0/8, fd00::/8"},
                          {"KERNEL_BROKER_ALLOWED_HOSTS", ""}};
    auto const env = make_config(inputs);
    REQUIRE(to_text(env.problems) == "");
    CHECK(env.values.limits.defaults.memory_bytes == std::uint64_t{2} << 30U);
    CHECK(env.values.server.unix_mode == 0600);
    CHECK(env.values.server.trusted_networks == broker::text_list{"10.0.0.0/8", "fd00::/8"});
    CHECK(env.values.server.allowed_hosts.empty());

    for (char const* bad : {"", " ", "1e9x", "MiB", "-1MiB", "1.5MiB", "1 MB", "99999999999MiB"}) {
        CAPTURE(bad);
        inputs.environment = {{"KERNEL_BROKER_MEMORY_BYTES", bad}};
        CHECK(make_config(inputs).problems.size() == 1);
    }
}

TEST_CASE("a default above its maximum is refused", "[daemon][config]") {
    CHECK_THAT(problem_of("max_timeout_s = 30"), ContainsSubstring("timeout_s is above"));
    CHECK_THAT(problem_of("memory_bytes = '16GiB'"), ContainsSubstring("max_memory_bytes"));
    CHECK_THAT(problem_of("idle_timeout_s = 100000"), ContainsSubstring("max_idle_timeout_s"));
}

TEST_CASE("others are served only with a key or trusted networks", "[daemon][config]") {
    broker::settings values;
    auto refused = [&](char const* listen, bool any_key) {
        values.server.listen = listen;
        return refuse_exposure(values, any_key).has_value();
    };
    CHECK_FALSE(refused("127.0.0.1:8000", false));
    CHECK_FALSE(refused("127.8.9.1:8000", false));
    CHECK_FALSE(refused("[::1]:8000", false));
    CHECK_FALSE(refused("unix:/run/kb.sock", false));
    CHECK_FALSE(refused("localhost:8000", false));
    CHECK(refused("0.0.0.0:8000", false));
    CHECK(refused("[::]:8000", false));
    CHECK(refused("10.0.0.1:8000", false));
    CHECK(refused("[::ffff:10.0.0.1]:8000", false));
    CHECK_FALSE(refused("0.0.0.0:8000", true));
    values.server.trusted_networks = {"10.0.0.0/8"};
    CHECK_FALSE(refused("0.0.0.0:8000", false));
    values.server.trusted_networks.clear();
    values.tokens.key_files = {"/etc/kernel-broker/chat.pem"};
    CHECK_FALSE(refused("0.0.0.0:8000", false));
    values.tokens.key_files.clear();
    values.server.listen = "0.0.0.0:8000";
    CHECK_THAT(refuse_exposure(values, false).value_or(""),
               ContainsSubstring("kernel-broker keys add") &&
                   ContainsSubstring("trusted_networks") && ContainsSubstring("127.0.0.1"));
}

TEST_CASE("tokens are off by default, and their rules are bounded", "[daemon][config]") {
    auto const& defaults = make_config({}).values.tokens;
    CHECK(defaults.key_files.empty());
    CHECK(defaults.algorithms == broker::text_list{"EdDSA", "RS256"});
    CHECK(defaults.issuer == "librechat");
    CHECK(defaults.audience == "codeapi");
    CHECK(defaults.clock_skew_s == 30);
    CHECK(from_file("jwt_key_files = ['/k/a.pem', '/k/b.json']\njwt_algorithms = ['EdDSA']\n"
                    "jwt_clock_skew_s = 300\njwt_issuer = 'https://chat.example.org'")
              .problems.empty());
    for (auto const* const bad :
         {"jwt_key_files = ['a.pem']", "jwt_key_files = ['/k/']", "jwt_key_files = ['']",
          "jwt_algorithms = ['HS256']", "jwt_algorithms = ['none']", "jwt_algorithms = ['eddsa']",
          "jwt_issuer = ''", "jwt_audience = \"a\\nb\"", "jwt_clock_skew_s = 301",
          "jwt_clock_skew_s = -1", "jwt_max_lifetime_s = 0",
          "jwt_key_files = ['/k/a.pem']\njwt_algorithms = []"}) {
        INFO(bad);
        CHECK_THAT(problem_of(bad), ContainsSubstring("jwt_"));
    }
}
