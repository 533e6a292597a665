// SPDX-License-Identifier: Apache-2.0
// Reads an image's folder. Never guesses: what is missing, unknown or of the wrong form is told.
// Blocks while it reads; any thread.
#include "broker/runtime/image_definition.hpp"

#include "broker/base/sha256.hpp"
#include "broker/runtime/image_record.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>

namespace broker {
namespace {

using json = nlohmann::json;

failure wrong(std::string const& what) { return fail(errc::invalid_field, "image.json: " + what); }

/// Everything that becomes an argument of a command: no white space, no leading dash.
bool is_word(std::string_view text) {
    auto const good = [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '.' || c == '+' || c == '-' || c == '_' || c == ':';
    };
    return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), good);
}

result<std::string> word(json const& document, char const* name) {
    auto const found = document.find(name);
    auto const* text = found == document.end() ? nullptr : found->get_ptr<json::string_t const*>();
    if (text == nullptr || !is_word(*text)) {
        return wrong(std::string("\"") + name + "\" must be one word");
    }
    return *text;
}

result<std::vector<std::string>> texts(json const& document, char const* name, bool words) {
    auto const bad =
        wrong(std::string("\"") + name + "\" must be a list of " + (words ? "words" : "strings"));
    auto const found = document.find(name);
    if (found == document.end() || !found->is_array() || found->empty()) {
        return bad;
    }
    std::vector<std::string> all;
    for (auto const& item : *found) {
        auto const* text = item.get_ptr<json::string_t const*>();
        if (text == nullptr || text->find('\0') != std::string::npos ||
            (words && !is_word(*text))) {
            return bad;
        }
        all.push_back(*text);
    }
    return all;
}

result<std::map<std::string, std::vector<std::string>>> kernels(json const& document,
                                                                std::string const& language) {
    std::map<std::string, std::vector<std::string>> all;
    auto const found = document.find("kernels");
    if (found == document.end()) {
        return all;
    }
    if (!found->is_object()) {
        return wrong("\"kernels\" must be an object of languages, each with its command");
    }
    for (auto const& [name, command] : found->items()) {
        if (!is_word(name) || name == language) {
            return wrong("\"kernels\" must hold languages other than \"" + language +
                         "\", each one word");
        }
        auto argv = texts(*found, name.c_str(), false);
        if (!argv) {
            return argv.error();
        }
        all.emplace(name, std::move(*argv));
    }
    return all;
}

/// Their names alone: they become files of a folder.
result<std::map<std::string, std::filesystem::path>> programs(json const& document) {
    std::map<std::string, std::filesystem::path> all;
    if (!document.contains("programs")) {
        return all;
    }
    auto const names = texts(document, "programs", true);
    if (!names) {
        return names.error();
    }
    for (auto const& name : *names) {
        if (!is_image_name(name)) {
            return wrong("\"programs\": \"" + name + "\" is not the name of a program");
        }
        all.emplace(name, std::filesystem::path());
    }
    return all;
}

result<int> glibc_minor(json const& document) {
    auto const text = word(document, "glibc");
    if (!text) {
        return text.error();
    }
    bool const digits = text->size() == 4 && text->starts_with("2.") &&
                        text->find_first_not_of("0123456789", 2) == std::string::npos;
    return digits ? result<int>(std::stoi(text->substr(2)))
                  : wrong("\"glibc\" must look like \"2.36\"");
}

result<std::string> read_file(std::filesystem::path const& path) {
    std::error_code error;
    bool const regular = std::filesystem::is_regular_file(path, error);
    std::ifstream file(path, std::ios::binary);
    if (!regular || !file.is_open()) {
        return fail(errc::invalid_field, "cannot read " + path.native());
    }
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (file.bad()) {
        return fail(errc::invalid_field, "cannot read " + path.native());
    }
    return text;
}

constexpr std::size_t wheel_digits = 16;  // of the inputs, in the name of the directory

constexpr auto name_rule = " may hold a-z, 0-9, '.', '_' and '-', at most 63 of them";

/// What the variant says has been said by the operator just now, so it is named as such.
result<void> apply(image_variant const& variant, image_definition& to) {
    if (!variant.name.empty()) {
        if (!is_image_name(variant.name)) {
            return fail(errc::invalid_field, "the name of an image" + std::string(name_rule) +
                                                 ", unlike \"" + variant.name + '"');
        }
        to.name = variant.name;
    }
    if (!variant.requirements.empty()) {
        std::error_code error;
        to.requirements = std::filesystem::absolute(variant.requirements, error);
    }
    return {};
}

/// A program that was built anew makes another image.
result<void> add_programs(program_finder const& find_program, image_definition& to, sha256& all) {
    for (auto& [name, path] : to.programs) {
        path = find_program ? find_program(name) : std::filesystem::path(name);
        auto const bytes = read_file(path);
        if (!bytes) {
            return fail(errc::invalid_field,
                        "image.json names the program \"" + name +
                            "\", which must have been built: " + bytes.error().detail);
        }
        all.add(name + '\n' + std::to_string(bytes->size()) + '\n' + *bytes);
    }
    return {};
}

}  // namespace

result<image_definition> parse_image_definition(std::string_view text) {
    json const document = json::parse(text, nullptr, false);
    if (!document.is_object()) {
        return wrong("not a JSON object");
    }
    static constexpr std::string_view known[] = {
        "name",  "language",    "debian_suite", "debian_packages", "python",
        "glibc", "kernel_argv", "kernel_env",   "kernels",         "programs"};
    for (auto const& [key, value] : document.items()) {
        if (std::find(std::begin(known), std::end(known), key) == std::end(known)) {
            return wrong("unknown member \"" + key + "\"");
        }
    }
    image_definition read;
    for (auto const& [name, field] : {std::pair{"name", &image_definition::name},
                                      {"language", &image_definition::language},
                                      {"debian_suite", &image_definition::debian_suite},
                                      {"python", &image_definition::python}}) {
        auto value = word(document, name);
        if (!value) {
            return value.error();
        }
        read.*field = std::move(*value);
    }
    if (!is_image_name(read.name)) {
        return wrong("\"name\"" + std::string(name_rule));
    }
    for (auto const& [name, field, words] :
         {std::tuple{"debian_packages", &image_definition::debian_packages, true},
          {"kernel_argv", &image_definition::kernel_argv, false},
          {"kernel_env", &image_definition::kernel_env, false}}) {
        auto value = texts(document, name, words);
        if (!value) {
            return value.error();
        }
        read.*field = std::move(*value);
    }
    auto further = kernels(document, read.language);
    if (!further) {
        return further.error();
    }
    read.kernels = std::move(*further);
    auto named = programs(document);
    if (!named) {
        return named.error();
    }
    read.programs = std::move(*named);
    auto const glibc = glibc_minor(document);
    if (!glibc) {
        return glibc.error();
    }
    read.glibc_minor = *glibc;
    return read;
}

std::filesystem::path input_path(image_definition const& of, std::string_view name) {
    return name == "requirements.txt" ? of.requirements : of.folder / name;
}

std::string wheels_name(image_definition const& of) {
    return of.name + '-' + of.wheel_inputs.substr(0, wheel_digits);
}

bool is_wheels_name(std::string_view directory, std::string_view image_name) noexcept {
    auto const digits = image_name.size() + 1;
    return directory.size() == digits + wheel_digits && directory.starts_with(image_name) &&
           directory[image_name.size()] == '-' &&
           directory.find_first_not_of("0123456789abcdef", digits) == std::string_view::npos;
}

result<image_definition> read_image_definition(std::filesystem::path const& folder,
                                               image_variant const& variant,
                                               program_finder const& find_program) {
    auto const description = read_file(folder / "image.json");
    if (!description) {
        return fail(errc::invalid_field,
                    folder.native() + " is not the folder of an image: it has no image.json");
    }
    auto read = parse_image_definition(*description);
    if (!read) {
        return fail(errc::invalid_field, (folder / read.error().detail).native());
    }
    std::error_code error;
    read->folder = std::filesystem::absolute(folder, error);
    read->requirements = read->folder / "requirements.txt";
    if (auto const applied = apply(variant, *read); !applied) {
        return applied.error();
    }
    sha256 all;
    sha256 wheels;
    wheels.add(read->python + '\n' + std::to_string(read->glibc_minor) + '\n');
    for (auto const* name : image_input_files) {
        auto const text = read_file(input_path(*read, name));
        if (!text) {
            return text.error();
        }
        all.add(std::string(name) + '\n' + std::to_string(text->size()) + '\n' + *text);
        if (name == std::string_view("requirements.txt") ||
            name == std::string_view("constraints.txt")) {
            wheels.add(*text);
        }
    }
    if (auto const found = add_programs(find_program, *read, all); !found) {
        return found.error();
    }
    read->inputs = to_hex(all.finish());
    read->wheel_inputs = to_hex(wheels.finish());
    return read;
}

}  // namespace broker
