// SPDX-License-Identifier: Apache-2.0
// Calls builder and store, and shows what they say. Holds no rule of images. One thread.
#include "broker/daemon/image_commands.hpp"

#include "broker/base/json_text.hpp"
#include "broker/daemon/program_paths.hpp"
#include "broker/runtime/image_builder.hpp"
#include "broker/runtime/image_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ostream>

namespace broker {
namespace {

std::string table_of(std::vector<image> const& images) {
    std::size_t width = 4;
    for (auto const& one : images) {
        width = std::max(width, one.name.size());
    }
    auto out = fmt::format("{:<{}}  {:<12}  {:<8}  {:>9}  {:<24}  {}\n", "NAME", width, "DIGEST",
                           "LANGUAGE", "LIBRARIES", "BUILT", "BASE");
    for (auto const& one : images) {
        out += fmt::format("{:<{}}  {:<12}  {:<8}  {:>9}  {:<24}  {}\n", one.name, width,
                           one.digest.substr(0, 12), one.language, one.libraries.size(),
                           one.created_at, one.base);
    }
    return out;
}

std::string json_of(std::vector<image> const& images) {
    std::string out = "[";
    for (auto const& one : images) {
        out += out.size() > 1 ? "," : "";
        json_object object{out};
        object.string("name", one.name)
            .string("digest", one.digest)
            .string("language", one.language)
            .string("built_at", one.created_at)
            .string("base", one.base);
        auto& libraries = object.member("libraries");
        libraries += '{';
        bool first = true;
        for (auto const& [name, version] : one.libraries) {
            libraries += first ? "" : ",";
            first = false;
            append_json_string(libraries, name);
            libraries += ':';
            append_json_string(libraries, version);
        }
        libraries += '}';
        object.close();
    }
    return out + "]\n";
}

}  // namespace

exit_code image_build_command(settings const& of, command_line const& line,
                              command_context const& context) {
    auto const begin = std::chrono::steady_clock::now();
    auto const elapsed = [begin] {
        return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() -
                                                                begin)
            .count();
    };
    image_builder builder{images_directory(of),
                          [&](std::string_view text) {
                              context.err << fmt::format("[{:3}s] {}\n", elapsed(), text)
                                          << std::flush;
                          },
                          image_program};
    auto const done =
        builder.build(line.directory, line.again, {line.image_name, line.requirements});
    if (!done) {
        context.err << "kernel-broker: " << done.error().detail << '\n';
        return exit_code::failed;
    }
    auto const& built = done->built;
    context.err << fmt::format("image {}: {}, {} libraries, {} in {} s\n", built.name, built.base,
                               built.libraries.size(),
                               done->reused ? "nothing had changed" : "built", elapsed());
    context.out << built.digest << '\n';
    return exit_code::ok;
}

exit_code image_list_command(settings const& of, bool json, command_context const& context) {
    auto const images = image_store{images_directory(of)}.list();
    context.out << (json ? json_of(images) : table_of(images));
    return exit_code::ok;
}

}  // namespace broker
