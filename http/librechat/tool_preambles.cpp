// SPDX-License-Identifier: Apache-2.0
// What is run before a program that calls tools: one function a tool, and what they share. Has to
// stand `set -euo pipefail`, redirected outputs, a changed directory and calls side by side. Pure.
#include "http/librechat/tool_calls.hpp"

#include <fmt/format.h>

namespace http::librechat {
namespace {

/// A piece of a call is written at once, so that those of others cannot come into it (PIPE_BUF).
constexpr std::string_view python_shared = R"PY(
class ToolExecutionError(Exception):
    pass

def _ptc_make(token):
    import asyncio, json, os, secrets, sys
    told = sys.stdout

    async def call(tool, arguments):
        name = secrets.token_hex(12)
        text = json.dumps(arguments, ensure_ascii=True)
        pieces = [text[i:i + 2800] for i in range(0, len(text), 2800)] or [""]
        for i, piece in enumerate(pieces, 1):
            told.write(f"\x1e{token} {name} {i}/{len(pieces)} {tool} {piece}\x1e")
        told.flush()
        path = os.path.join("/mnt/data/.ptc", name)
        pause = 0.002
        while not os.path.exists(path):
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.05)
        with open(path, encoding="utf-8") as file:
            failed, _, answer = file.read().partition("\n")
        os.remove(path)
        if failed == "1":
            raise ToolExecutionError(answer)
        return json.loads(answer)

    def tool(name):
        async def run(**arguments):
            return await call(name, arguments)
        run.__name__ = run.__qualname__ = name
        return run

    return tool
)PY";

constexpr std::string_view bash_shared = R"SH(
exec {_ptc_out}>&1 {_ptc_never}<> <(:)
_ptc_call() {
    local _ptc_tool=$1 _ptc_text=${2-} _ptc_id=${BASHPID}_${SRANDOM}_${SRANDOM} _ptc_i _ptc_n _ptc_answer
    [ -n "$_ptc_text" ] || _ptc_text='{}'
    _ptc_n=$(( (${#_ptc_text} + 699) / 700 ))
    for (( _ptc_i = 0; _ptc_i < _ptc_n; _ptc_i++ )); do
        builtin printf '\x1e%s %s %d/%d %s %s\x1e' "$_ptc_token" "$_ptc_id" $(( _ptc_i + 1 )) "$_ptc_n" "$_ptc_tool" \
            "${_ptc_text:_ptc_i * 700:700}" >&"$_ptc_out"
    done
    while [ ! -e "/mnt/data/.ptc/$_ptc_id" ]; do
        builtin read -rt 0.01 -u "$_ptc_never" _ptc_answer || :
    done
    _ptc_answer=$(< "/mnt/data/.ptc/$_ptc_id")
    command rm -f "/mnt/data/.ptc/$_ptc_id"
    if [ "${_ptc_answer%%$'\n'*}" = 1 ]; then
        printf '%s\n' "${_ptc_answer#*$'\n'}" >&2
        return 1
    fi
    printf '%s\n' "${_ptc_answer#*$'\n'}"
}
)SH";

}  // namespace

std::string python_preamble(std::vector<named_tool> const& tools, std::string_view token) {
    auto code = fmt::format("{}\n_ptc_tool = _ptc_make(\"{}\")\n", python_shared, token);
    for (auto const& one : tools) {
        code += fmt::format("{0} = _ptc_tool(\"{0}\")\n", one.callable);
    }
    return code + "del _ptc_make, _ptc_tool\n";
}

std::string bash_preamble(std::vector<named_tool> const& tools, std::string_view token) {
    auto code = fmt::format("_ptc_token={}{}", token, bash_shared);
    for (auto const& one : tools) {
        code += fmt::format("{0}() {{ _ptc_call {0} \"$@\"; }}\n", one.callable);
    }
    return code;
}

}  // namespace http::librechat
