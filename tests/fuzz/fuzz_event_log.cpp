// SPDX-License-Identifier: Apache-2.0
// A file of events as a broken disk or a cut write may leave it, and one event of any data: whole
// records are counted as they are taken, and whatever they say is played again within its limits.
// Never judges content. libFuzzer's one thread.
#include "broker/core/event_record.hpp"
#include "broker/core/event_replay.hpp"

#include <cstdlib>

namespace {

constexpr broker::output_limits limits{
    .max_bytes = 4096, .max_output_bytes = 2048, .tail_bytes = 256, .max_outputs = 50};

void require(bool held) {
    if (!held) {
        std::abort();
    }
}

void read_file(std::string_view bytes) {
    auto const counted = broker::count_records(bytes);
    require(counted.bytes <= bytes.size());
    std::string again;
    std::uint64_t taken = 0;
    auto rest = bytes.substr(0, counted.bytes);
    while (auto const one = broker::take_record(rest)) {
        broker::append_record(again, one->type, one->data);
        ++taken;
    }
    require(rest.empty());
    require(taken == counted.records);
    require(again == bytes.substr(0, counted.bytes));
    broker::outputs into(limits);
    broker::replayed told;
    broker::replay(bytes.substr(0, counted.bytes), into, told);
    require(told.events <= counted.records && told.bytes <= counted.bytes);
    require(into.held_bytes() <= limits.max_bytes + 2 * limits.tail_bytes);
    (void)into.render();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(unsigned char const* data, std::size_t size) {
    std::string_view const bytes(reinterpret_cast<char const*>(data), size);
    read_file(bytes);
    if (!bytes.empty()) {
        broker::outputs into(limits);
        auto const type = broker::event_type_from(static_cast<std::uint8_t>(data[0] % 13 + 1));
        broker::replayed told;
        broker::replay({*type, std::string(bytes.substr(1))}, into, told);
        (void)into.render();
    }
    return 0;
}
