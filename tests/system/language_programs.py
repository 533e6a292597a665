# SPDX-License-Identifier: Apache-2.0
"""The same program in every language: prints "hello", each argument on a line and "eof" when there is no input, writes
"file" to written.txt in its working directory, and exits with status 3. And in every language a program that dies by
a signal, one that is none, and one that prints "go" and does not end."""

COMPILED = ["c", "cpp", "rs", "go", "d", "f90"]

PROGRAMS = {
    "bash": r"""
echo hello
for word; do echo "$word"; done
read -r line || echo eof
echo file >written.txt
(exit 3)
""",
    "py": r"""
import sys
print("hello", *sys.argv[1:], sep="\n")
print("eof" if sys.stdin.read() == "" else "input")
open("written.txt", "w").write("file")
sys.exit(3)
""",
    "js": r"""
const fs = require("fs");
console.log(["hello", ...process.argv.slice(2)].join("\n"));
console.log(fs.readFileSync(0).length === 0 ? "eof" : "input");
fs.writeFileSync("written.txt", "file");
process.exitCode = 3;
""",
    "ts": r"""
import * as fs from "fs";
const words: string[] = ["hello", ...process.argv.slice(2)];
console.log(words.join("\n"));
console.log(fs.readFileSync(0).length === 0 ? "eof" : "input");
fs.writeFileSync("written.txt", "file");
process.exitCode = 3;
""",
    "c": r"""
#include <stdio.h>
int main(int argc, char **argv) {
    puts("hello");
    for (int i = 1; i < argc; ++i) puts(argv[i]);
    puts(getchar() == EOF ? "eof" : "input");
    FILE *file = fopen("written.txt", "w");
    fputs("file", file);
    fclose(file);
    return 3;
}
""",
    "cpp": r"""
#include <fstream>
#include <iostream>
#include <span>
#include <string>
int main(int argc, char** argv) {
    std::cout << "hello\n";
    for (auto const* word : std::span(argv, argc).subspan(1)) std::cout << word << '\n';
    std::string line;
    std::cout << (std::getline(std::cin, line) ? "input" : "eof") << '\n';
    std::ofstream("written.txt") << "file";
    return 3;
}
""",
    "java": r"""
import java.nio.file.*;
public class Anything {
    public static void main(String[] words) throws Exception {
        System.out.println("hello");
        for (String word : words) System.out.println(word);
        System.out.println(System.in.read() < 0 ? "eof" : "input");
        Files.writeString(Path.of("written.txt"), "file");
        System.exit(3);
    }
}
""",
    "php": r"""<?php
echo "hello\n";
foreach (array_slice($argv, 1) as $word) echo "$word\n";
echo fgets(STDIN) === false ? "eof\n" : "input\n";
file_put_contents("written.txt", "file");
exit(3);
""",
    "rs": r"""
use std::io::Read;
fn main() {
    println!("hello");
    for word in std::env::args().skip(1) { println!("{word}"); }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    println!("{}", if text.is_empty() { "eof" } else { "input" });
    std::fs::write("written.txt", "file").unwrap();
    std::process::exit(3);
}
""",
    "go": r"""
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	fmt.Println("hello")
	for _, word := range os.Args[1:] {
		fmt.Println(word)
	}
	if text, _ := io.ReadAll(os.Stdin); len(text) == 0 {
		fmt.Println("eof")
	}
	os.WriteFile("written.txt", []byte("file"), 0o644)
	os.Exit(3)
}
""",
    "d": r"""
import std.file, std.stdio;
int main(string[] words) {
    writeln("hello");
    foreach (word; words[1 .. $]) writeln(word);
    writeln(stdin.readln() is null ? "eof" : "input");
    std.file.write("written.txt", "file");
    return 3;
}
""",
    "f90": r"""
program main
    implicit none
    character(len=100) :: word
    integer :: i, status
    print '(a)', 'hello'
    do i = 1, command_argument_count()
        call get_command_argument(i, word)
        print '(a)', trim(word)
    end do
    read (*, '(a)', iostat=status) word
    if (status < 0) print '(a)', 'eof'
    open (unit=10, file='written.txt')
    write (10, '(a)') 'file'
    close (10)
    call exit(3)
end program
""",
    "r": r"""
cat("hello\n")
for (word in commandArgs(trailingOnly = TRUE)) cat(word, "\n", sep = "")
cat(if (length(readLines(file("stdin"))) == 0) "eof\n" else "input\n")
writeLines("file", "written.txt")
quit(status = 3)
""",
}

# Its code and the exit code that it dies with.
CRASHES = {
    "bash": ("kill -ABRT $$", 134),
    "py": ("import os\nos.abort()", 134),
    "js": ("process.kill(process.pid, 'SIGKILL'); setInterval(() => {}, 1000);", 137),
    "ts": ("process.kill(process.pid, 'SIGKILL' as NodeJS.Signals); setInterval(() => {}, 1000);", 137),
    "c": ("#include <stdlib.h>\nint main(void) { abort(); }", 134),
    "cpp": ("int main() { *static_cast<int volatile*>(nullptr) = 1; }", 139),
    "java": ("""
class Crash {
    public static void main(String[] words) throws Exception {
        new ProcessBuilder("bash", "-c", "kill -KILL " + ProcessHandle.current().pid()).start().waitFor();
        Thread.sleep(60000);
    }
}
""", 137),
    "php": ("<?php posix_kill(getmypid(), 9); sleep(60);", 137),
    "rs": ("fn main() { std::process::abort() }", 134),
    "go": ("""
package main

import (
	"syscall"
	"time"
)

func main() {
	syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	time.Sleep(time.Minute)
}
""", 137),
    "d": ("import core.stdc.stdlib;\nvoid main() { abort(); }", 134),
    "f90": ("program main\n    call abort()\nend program", 134),
    "r": ("tools::pskill(Sys.getpid(), 9)\nSys.sleep(60)", 137),
}

# Its code and its exit code: of a compiler, or of an interpreter that does not get beyond the syntax.
NO_PROGRAMS = {**{language: ("this is no program in any language {", 1) for language in PROGRAMS},
               "bash": ("if then", 2), "php": ("<?php {{{", 255)}

ENDLESS = {
    "bash": "echo go; while :; do :; done",
    "py": "print('go', flush=True)\nwhile True: pass",
    "js": "require('fs').writeSync(1, 'go\\n'); for (;;) {}",
    "ts": "import * as fs from 'fs';\nfs.writeSync(1, 'go\\n'); for (;;) {}",
    "c": '#include <stdio.h>\nint main(void) { puts("go"); fflush(stdout); for (;;) { getchar(); } }',
    "cpp": '#include <iostream>\nint main() { std::cout << "go" << std::endl; for (;;) { std::cin.get(); } }',
    "java": 'class Endless { public static void main(String[] words) { System.out.println("go"); for (;;) {} } }',
    "php": '<?php echo "go\n"; for (;;) {}',
    "rs": 'fn main() { println!("go"); loop {} }',
    "go": 'package main\nimport "fmt"\nfunc main() { fmt.Println("go"); for {} }',
    "d": 'import std.stdio;\nvoid main() { writeln("go"); stdout.flush(); for (;;) {} }',
    "f90": "program main\n    print '(a)', 'go'\n    flush (6)\n    do\n        call sleep(1)\n    end do\nend program",
    "r": "cat('go\\n')\nrepeat {}",
}
