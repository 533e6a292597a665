// SPDX-License-Identifier: Apache-2.0
// One build, step by step, in a directory of its own that becomes the image by rename.
// Never mounts in this process's namespace: what the helpers mount ends with them. Blocks.
#include "broker/runtime/image_builder.hpp"

#include "broker/base/ids.hpp"
#include "broker/base/time.hpp"
#include "broker/base/unique_fd.hpp"
#include "broker/runtime/host_files.hpp"
#include "broker/runtime/image_commands.hpp"
#include "broker/runtime/image_files.hpp"
#include "broker/runtime/image_manifest.hpp"
#include "broker/runtime/image_record.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <optional>

namespace broker {
namespace {

namespace fs = std::filesystem;

/// Everything that one build is about.
struct build_run {
    image_definition definition;
    fs::path images;
    fs::path making;  // removed at the end, whatever happened
    fs::path wheels;
    line_sink const& say;

    fs::path root() const { return making / "rootfs"; }
};

/// Debian's own Python first: one from elsewhere may come without pip or with other settings.
result<std::string> host_python() {
    for (auto const* python : {"/usr/bin/python3", "python3"}) {
        if (run_process({python, "-m", "pip", "--version"}, nullptr)) {
            return std::string(python);
        }
    }
    return fail(errc::internal, "pip is not installed; install it: apt-get install python3-pip");
}

/// Wheels for one list of requirements are fetched once.
fs::path wheels_of(fs::path const& images, image_definition const& definition) {
    return images / "wheels" / wheels_name(definition);
}

result<std::optional<image_process>> start_download(build_run const& run) {
    std::error_code error;
    if (fs::is_directory(run.wheels, error)) {
        return std::optional<image_process>();
    }
    auto const python = host_python();
    if (!python) {
        return python.error();
    }
    utsname machine{};
    ::uname(&machine);
    run.say(fmt::format("fetching the wheels of {}", run.definition.requirements.native()));
    auto started = image_process::start(
        download_command(run.definition, *python, machine.machine, run.making / "wheels"));
    if (!started) {
        return started.error();
    }
    return std::optional(std::move(*started));
}

result<void> bootstrap(build_run const& run) {
    auto const& suite = run.definition.debian_suite;
    auto const targets = process_output(apt_sources_command());
    if (!targets) {
        return targets.error();
    }
    auto const options = process_output(apt_options_command());
    if (!options) {
        return options.error();
    }
    auto const sources = debian_sources(*targets, suite);
    if (sources.empty()) {
        return fail(
            errc::internal,
            fmt::format("apt on this host has no source for Debian {0}, component main; add "
                        "one to /etc/apt/sources.list.d",
                        suite));
    }
    if (auto written = write_file(run.making / "sources.list", sources); !written) {
        return written;
    }
    if (auto written = write_file(run.making / "apt.conf", apt_options(*options)); !written) {
        return written;
    }
    run.say(fmt::format("making a Debian {} root", suite));
    return run_process(bootstrap_command(run.definition, run.making / "sources.list",
                                         run.making / "apt.conf", run.root()),
                       run.say);
}

/// Waits for the wheels and gives them their lasting place; older ones of this image go.
result<void> keep_wheels(build_run const& run, std::optional<image_process>& download) {
    if (!download) {
        return {};
    }
    if (auto done = download->wait(run.say); !done) {
        return done;
    }
    std::error_code error;
    for (auto const& old : names_in(run.wheels.parent_path().native())) {
        if (is_wheels_name(old, run.definition.name)) {
            fs::remove_all(run.wheels.parent_path() / old, error);
        }
    }
    fs::rename(run.making / "wheels", run.wheels, error);
    return error ? result<void>(fail(errc::internal, run.wheels.native() + ": " + error.message()))
                 : result<void>{};
}

/// What `setup` finds beside itself.
result<void> put_inputs(build_run const& run) {
    auto const place = run.root() / ".build";
    std::error_code error;
    fs::create_directories(place / "programs", error);
    for (auto const* name : image_input_files) {
        fs::copy_file(input_path(run.definition, name), place / name, error);
        if (error) {
            return fail(errc::internal, fmt::format("copying {}: {}", name, error.message()));
        }
    }
    for (auto const& [name, path] : run.definition.programs) {
        fs::copy_file(path, place / "programs" / name, error);
        if (error) {
            return fail(errc::internal, fmt::format("copying {}: {}", name, error.message()));
        }
    }
    return {};
}

/// Installs inside; gives the libraries that `setup` names as `library NAME VERSION`.
result<std::map<std::string, std::string>> install(build_run const& run) {
    run.say("installing the libraries");
    if (auto const put = put_inputs(run); !put) {
        return put.error();
    }
    std::error_code error;
    std::map<std::string, std::string> libraries;
    auto const done =
        run_process(setup_command(run.root(), run.wheels), [&](std::string_view line) {
            static constexpr std::string_view mark = "library ";
            auto const space = line.rfind(' ');
            if (line.starts_with(mark) && space >= mark.size()) {
                libraries.emplace(line.substr(mark.size(), space - mark.size()),
                                  line.substr(space + 1));
            } else {
                run.say(line);
            }
        });
    if (!done) {
        return done.error();
    }
    fs::remove_all(run.root() / ".build", error);
    for (auto const& name : names_in((run.root() / "dev").native())) {
        fs::remove_all(run.root() / "dev" / name, error);  // nodes; a sandbox brings its own
    }
    fs::permissions(run.root(), fs::perms(0755), error);
    return libraries;
}

/// The description beside a root holds one name; with another one, the first would find nothing.
result<void> no_other_name(fs::path const& images, image const& made) {
    image_store const store(images);
    auto const there = store.open(made.digest);
    if (!there || there->name == made.name || !store.find(there->name)) {
        return {};
    }
    return fail(errc::internal, fmt::format("the content is that of the image \"{}\", byte for "
                                            "byte, and an image has one name",
                                            there->name));
}

/// From here on the image exists: description, disk, rename, name.
result<image> publish(build_run const& run, std::map<std::string, std::string> libraries) {
    run.say("reading the root for its digest");
    auto const digest = digest_of_root(run.root());
    if (!digest) {
        return digest.error();
    }
    image made;
    made.name = run.definition.name;
    made.language = run.definition.language;
    made.digest = *digest;
    made.kernel_argv = run.definition.kernel_argv;
    made.kernel_env = run.definition.kernel_env;
    made.kernels = run.definition.kernels;
    made.libraries = std::move(libraries);
    made.created_at = to_rfc3339(read_clocks().wall);
    made.base =
        fmt::format("Debian {}, Python {}", run.definition.debian_suite, run.definition.python);
    made.inputs = run.definition.inputs;
    auto const place = run.images / made.digest;
    made.rootfs = place / "rootfs";

    std::error_code error;
    if (fs::exists(place, error)) {
        if (auto const free = no_other_name(run.images, made); !free) {
            return free.error();
        }
        // The same content from another definition (a comment, an argument of the kernel).
        if (auto written = replace_file(place / "image.json", to_json(made)); !written) {
            return written.error();
        }
    } else {
        auto const whole = run.making / "image";
        fs::create_directory(whole, error);
        fs::rename(run.root(), whole / "rootfs", error);
        if (auto written = write_file(whole / "image.json", to_json(made)); !written) {
            return written.error();
        }
        sync_file_system(run.making);
        fs::rename(whole, place, error);
        if (error) {
            return fail(errc::internal, fmt::format("{}: {}", place.native(), error.message()));
        }
    }
    if (auto named = replace_file(run.images / "names" / made.name, made.digest + '\n'); !named) {
        return named.error();
    }
    return made;
}

result<image> make(build_run const& run) {
    auto download = start_download(run);
    if (!download) {
        return download.error();
    }
    if (auto done = bootstrap(run); !done) {
        return done.error();
    }
    if (auto done = keep_wheels(run, *download); !done) {
        return done.error();
    }
    auto libraries = install(run);
    return libraries ? publish(run, std::move(*libraries)) : libraries.error();
}

constexpr std::string_view making_prefix = ".making-";

void remove_leftovers(fs::path const& images) {
    std::error_code error;
    for (auto const& name : names_in(images.native())) {
        if (name.starts_with(making_prefix)) {
            fs::remove_all(images / name, error);
        }
    }
}

}  // namespace

result<image_build> image_builder::build(fs::path const& folder, bool again,
                                         image_variant const& variant) {
    auto definition = read_image_definition(folder, variant, find_program_);
    if (!definition) {
        return definition.error();
    }
    if (::geteuid() != 0) {
        return fail(errc::internal,
                    "building an image needs root (mounts, chroot): run it as root, or with sudo");
    }
    std::error_code error;
    for (auto const* sub : {"names", "wheels"}) {
        fs::create_directories(dir_ / sub, error);
    }
    if (error) {
        return fail(errc::internal, fmt::format("{}: {}", dir_.native(), error.message()));
    }
    auto const lock =
        lock_file(dir_ / ".lock", [&] { progress_("waiting for another build to end"); });
    if (!lock) {
        return lock.error();
    }
    remove_leftovers(dir_);
    auto const wheels = wheels_of(dir_, *definition);
    if (auto const last = image_store(dir_).find(definition->name);
        !again && last && last->inputs == definition->inputs) {
        return image_build{*last, true, wheels};
    }
    build_run const run{std::move(*definition), dir_,
                        dir_ / (std::string(making_prefix) + make_random_id()), wheels, progress_};
    fs::create_directory(run.making, error);
    auto made = make(run);
    remove_leftovers(dir_);
    if (!made) {
        return made.error();
    }
    return image_build{std::move(*made), false, run.wheels};
}

}  // namespace broker
