// SPDX-License-Identifier: Apache-2.0
#include "broker/store/version_store.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace broker;
using ::test::temporary_directory;

namespace {

wall_time at(int day) {
    return wall_time{std::chrono::milliseconds{1'700'000'000'000}} + std::chrono::hours(24 * day);
}

/// What is always kept is a day.
version_keep keep_at(int day, std::uint64_t tenant_bytes = UINT64_MAX) {
    return {at(day - 30), at(day - 1), tenant_bytes};
}

session_id const first{"first________________"};
session_id const second{"second_______________"};

struct versions {
    std::unique_ptr<version_store> open() {
        auto opened = open_version_store(path);
        REQUIRE(opened);
        return std::move(*opened);
    }

    result<file_version> try_add(std::string const& file, std::optional<std::string> text, int day,
                                 session_id const& session = first, std::string tenant = "t",
                                 std::uint64_t tenant_bytes = UINT64_MAX) {
        file_version one;
        one.tenant = std::move(tenant);
        one.session = session;
        one.path = file;
        one.created_at = at(day);
        std::vector<content_draft> drafts;
        if (text) {
            auto draft = store->contents().begin();
            REQUIRE(draft);
            REQUIRE(draft->write(*text));
            one.content = *draft->finish();
            drafts.push_back(std::move(*draft));
        }
        auto added = store->add({one}, std::move(drafts), keep_at(day, tenant_bytes));
        if (!added) {
            return added.error();
        }
        return added->at(0);
    }

    file_version add(std::string const& file, std::optional<std::string> text, int day,
                     session_id const& session = first, std::string tenant = "t") {
        auto added = try_add(file, std::move(text), day, session, std::move(tenant));
        REQUIRE(added);
        return *added;
    }

    bool has(file_version const& one) const {
        return store->contents().read(one.content->sha256).has_value();
    }

    std::vector<file_version> of(std::string const& file, session_id const& session = first) {
        auto page = store->of_path(session, file, 1000, nullptr);
        REQUIRE(page);
        CHECK_FALSE(page->next);
        return page->versions;
    }

    temporary_directory dir;
    std::string path = dir.path() + "/versions";
    std::unique_ptr<version_store> store = open();
};

}  // namespace

TEST_CASE("versions of a path come newest first, and outlive the broker", "[store][versions]") {
    versions s;
    auto const a = s.add("f", "one", 1);
    auto const b = s.add("f", "two", 2);
    auto const other = s.add("g", "one", 2);
    auto const gone = s.add("f", std::nullopt, 3);
    CHECK(is_random_id(a.id.str()));
    CHECK(a.id != b.id);
    CHECK(s.of("f") == std::vector{gone, b, a});
    CHECK_FALSE(gone.content);
    s.store.reset();
    s.store = s.open();
    CHECK(s.of("f") == std::vector{gone, b, a});
    CHECK(s.of("g") == std::vector{other});
    CHECK(s.of("f", second).empty());
    CHECK((s.has(a) && s.has(b)));
}

TEST_CASE("a path is bytes", "[store][versions]") {
    versions s;
    std::string const odd{"a\0\xFF\xC3/\xF0", 6};
    auto const one = s.add(odd, "x", 1);
    CHECK(s.of(odd) == std::vector{one});
    CHECK(s.of("a").empty());
}

TEST_CASE("pages of versions go on where the one before ended", "[store][versions]") {
    versions s;
    std::vector<file_version> all;
    for (int i = 0; i < 5; ++i) {
        all.insert(all.begin(), s.add("f", std::to_string(i), i));
        s.add("other", std::to_string(i), i);
    }
    auto const one = s.store->of_path(first, "f", 2, nullptr);
    CHECK(one->versions == std::vector{all[0], all[1]});
    REQUIRE(one->next);
    auto const two = s.store->of_path(first, "f", 2, &*one->next);
    CHECK(two->versions == std::vector{all[2], all[3]});
    auto const three = s.store->of_path(first, "f", 2, &*two->next);
    CHECK(three->versions == std::vector{all[4]});
    CHECK_FALSE(three->next);
    auto const foreign = s.of("other").front().id;
    CHECK(s.store->of_path(first, "f", 2, &foreign).error().code == errc::invalid_field);
}

TEST_CASE("the newest of many paths are asked for together", "[store][versions]") {
    versions s;
    s.add("f", "one", 1);
    auto const f = s.add("f", "two", 2);
    auto const g = s.add("g", "one", 1);
    s.add("f", "other", 3, second);
    std::vector<std::string> const paths{"g", "none", "f"};
    CHECK(*s.store->newest(first, paths) == std::vector{g, f});
}

TEST_CASE("what stands in a session is its newest, without what was deleted", "[store][versions]") {
    versions s;
    s.add("b", "old", 0);
    auto const b = s.add("b", "new", 1);
    s.add("gone", "x", 0);
    s.add("gone", std::nullopt, 1);
    auto const a = s.add("a", "x", 2);
    s.add("other", "x", 2, second);
    auto const found = s.store->of_session("t", first, 10);
    REQUIRE(found);
    REQUIRE(found->size() == 2);
    CHECK((*found)[0] == a);
    CHECK((*found)[1] == b);
    CHECK(s.store->of_session("t", first, 1)->size() == 1);
    CHECK(s.store->of_session("u", first, 10)->empty());
}

TEST_CASE("a version that is removed takes nothing of others with it", "[store][versions]") {
    versions s;
    auto const one = s.add("a", "same", 0);
    auto const two = s.add("b", "same", 0);
    CHECK(s.store->remove("u", one.id).error().code == errc::file_not_found);
    REQUIRE(s.store->remove("t", one.id));
    CHECK(s.store->remove("t", one.id).error().code == errc::file_not_found);
    CHECK(s.store->contents().read(two.content->sha256));
    REQUIRE(s.store->remove("t", two.id));
    CHECK_FALSE(s.store->contents().read(two.content->sha256));
    CHECK(*s.store->used_bytes("t") == 0);
}

TEST_CASE("a version is its tenant's only", "[store][versions]") {
    versions s;
    auto const one = s.add("f", "text", 1);
    CHECK(*s.store->use("t", one.id, at(1)) == one);
    CHECK(s.store->use("other", one.id, at(1)).error().code == errc::file_not_found);
    CHECK(s.store->use("t", file_version_id::make(), at(1)).error().code == errc::file_not_found);
}

TEST_CASE("a content counts once for each tenant, and goes with its last version",
          "[store][versions]") {
    versions s;
    auto const a = s.add("f", "four", 1);
    s.add("g", "four", 1);
    s.add("f", "four", 1, second, "other");
    s.add("h", "fifth", 1);
    CHECK(*s.store->used_bytes("t") == 9);
    CHECK(*s.store->used_bytes("other") == 4);
    CHECK(*s.store->used_bytes("nobody") == 0);
    REQUIRE(s.store->forget(first));
    CHECK(*s.store->used_bytes("t") == 0);
    CHECK(s.of("f").empty());
    CHECK(s.has(a));
    REQUIRE(s.store->forget(second));
    CHECK_FALSE(s.has(a));
}

TEST_CASE("what was not used for too long goes, by its last use", "[store][versions]") {
    versions s;
    auto const unused = s.add("f", "unused", 1);
    auto const used = s.add("f", "used", 1);
    auto const later = s.add("f", "later", 20);
    REQUIRE(s.store->use("t", used.id, at(25)));
    CHECK(*s.store->prune(keep_at(40)) == 6);
    CHECK(s.of("f") == std::vector{later, used});
    CHECK((!s.has(unused) && s.has(used)));
    CHECK(*s.store->prune(keep_at(40)) == 0);
}

TEST_CASE("for want of room the longest unused goes, and never what was used lately",
          "[store][versions]") {
    versions s;
    auto const a = s.add("a", std::string(40, 'a'), 1);
    auto const b = s.add("b", std::string(40, 'b'), 2);
    s.add("other", std::string(90, 'o'), 1, second, "other");
    REQUIRE(s.store->use("t", a.id, at(3)));
    auto const c = s.try_add("c", std::string(40, 'c'), 10, first, "t", 100);
    REQUIRE(c);
    CHECK((s.has(a) && !s.has(b) && s.has(*c)));
    CHECK(*s.store->used_bytes("t") == 80);

    // Within the day nothing can go.
    auto const d = s.try_add("d", std::string(90, 'd'), 10, first, "t", 100);
    CHECK(d.error().code == errc::no_capacity);
    CHECK((s.has(a) && s.has(*c)));
    CHECK(s.of("d").empty());
    auto const e = s.try_add("e", std::string(101, 'e'), 20, first, "t", 100);
    CHECK(e.error().code == errc::no_capacity);
    CHECK((s.has(a) && s.has(*c)));

    // What is there already needs no room, and a deletion none either.
    CHECK(s.try_add("again", std::string(40, 'c'), 10, first, "t", 80));
    CHECK(s.try_add("c", std::nullopt, 10, first, "t", 1));
}

TEST_CASE("versions are added together or not at all", "[store][versions]") {
    versions s;
    file_version one;
    one.tenant = "t";
    one.session = first;
    one.path = "f";
    one.created_at = at(1);
    auto draft = s.store->contents().begin();
    REQUIRE(draft->write("text"));
    one.content = *draft->finish();
    auto two = one;
    two.path = "g";
    two.content->size_bytes = 200;
    two.content->sha256[0] ^= 1U;
    std::vector<content_draft> drafts;
    drafts.push_back(std::move(*draft));
    CHECK_FALSE(s.store->add({one, two}, std::move(drafts), keep_at(1, 100)));
    CHECK(s.of("f").empty());
    CHECK(*s.store->used_bytes("t") == 0);
}

TEST_CASE("what a crash left without a row is removed by the next broker", "[store][versions]") {
    versions s;
    auto const one = s.add("f", "text", 1);
    auto const lost = [&s] {
        auto draft = s.store->contents().begin();
        REQUIRE(draft->write("lost"));
        auto const key = *draft->finish();
        s.store.reset();
        auto contents = content_store::open(s.path);
        std::vector<content_draft> drafts;
        auto again = contents->begin();
        REQUIRE(again->write("lost"));
        REQUIRE(again->finish());
        drafts.push_back(std::move(*again));
        REQUIRE(contents->keep(std::move(drafts)));
        return key.sha256;
    }();
    s.store = s.open();
    CHECK(s.has(one));
    CHECK_FALSE(s.store->contents().read(lost));
}

TEST_CASE("what was added is there after the process was killed", "[store][versions]") {
    versions s;
    s.store.reset();
    auto const child = ::fork();
    if (child == 0) {
        s.store = s.open();
        s.add("f", "text", 1);
        ::_exit(0);  // nothing is closed or written back
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    s.store = s.open();
    REQUIRE(s.of("f").size() == 1);
    CHECK(s.has(s.of("f")[0]));
}

TEST_CASE("a table that is damaged is left as it is, and said", "[store][versions]") {
    versions s;
    s.store.reset();
    std::ofstream(s.path + "/versions.db") << "no database at all, but long enough to be read";
    auto const opened = open_version_store(s.path);
    REQUIRE_FALSE(opened);
    CHECK_THAT(opened.error().detail, Catch::Matchers::ContainsSubstring("is damaged"));
    CHECK_THAT(opened.error().detail,
               Catch::Matchers::ContainsSubstring("without the file versions of before"));
}
