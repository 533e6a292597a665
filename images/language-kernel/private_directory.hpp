// SPDX-License-Identifier: Apache-2.0
// A directory for code and what compilers make of it, apart from the workspace.
// Never left behind, and made again if a cell removed it. Blocks. One owner.
#pragma once

#include <string>
#include <string_view>

namespace language_kernel {

class private_directory {
public:
    /// Below TMPDIR, or else /tmp. Throws std::system_error.
    private_directory();
    private_directory(private_directory const&) = delete;
    private_directory& operator=(private_directory const&) = delete;
    ~private_directory();

    std::string const& path() const noexcept { return path_; }

    /// The folder of the cell, there from `put` to `clear`.
    std::string const& cell() const noexcept { return cell_; }

    /// Begins the folder of a cell, with its code in a file. What went wrong, or an empty text.
    std::string put(std::string_view name, std::string_view code);

    /// One more file in it.
    std::string add(std::string_view name, std::string_view text);

    void clear() noexcept;

private:
    std::string path_;
    std::string cell_;
};

}  // namespace language_kernel
