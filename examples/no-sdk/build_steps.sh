# The steps that the build.sh of every language shares; sourced there, in the language's folder.
# build.sh ends with 69 when a tool is missing or too old, and with 1 when something is wrong.

CONTRACT=../../../proto/sidehook

say() { echo "$(basename "$PWD"): $*" >&2; }

missing() { say "$*, then run $0 again"; exit 69; }

# at_least WANTED FOUND: compares versions, part by part.
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# is_newer FILE INPUT...: the file is there, and newer than every input and what is in it.
is_newer() {
    local file=$1; shift
    [ -e "$file" ] && [ -z "$(find "$@" -newer "$file" -print)" ]
}

find_buf() {
    local candidate
    for candidate in ../../../.venv/bin/buf "$(command -v buf || true)"; do
        if [ -x "$candidate" ]; then echo "$candidate"; return; fi
    done
    return 1
}

# write_stubs: generates gen/ from the contract.
write_stubs() {
    local buf
    buf=$(find_buf) || missing "buf is missing: make sync in the root of the repository installs it"
    "$buf" generate
}

# check_stubs: gen/ is what the contract generates. Whoever only builds needs no buf for that, so
# it is left out where there is none; where CI is set there has to be one.
check_stubs() {
    local buf
    if ! buf=$(find_buf); then
        [ -z "${CI:-}" ] || missing "buf is missing, and CI checks the stubs: make sync installs it"
        say "the stubs are not compared with the contract: buf is missing, make sync installs it"
        return
    fi
    rm -rf build/fresh
    "$buf" generate --output build/fresh
    if ! diff -r gen build/fresh/gen >&2; then
        say "gen/ is not what the contract generates: $0 --stubs writes it anew"
        exit 1
    fi
    rm -rf build/fresh
}
