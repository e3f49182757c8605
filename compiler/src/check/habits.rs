//! What is written here instead of a function that other languages have.

/// The names that people and models bring along, and what to say of each. `@` stands for the value.
const HABITS: &[(&[&str], &str)] = &[
    (&["filter", "where"], "write `[x for x in @ if …]`"),
    (&["map", "select"], "write `[… for x in @]`"),
    (&["flatMap", "flat_map"], "write `flatten([… for x in @])`"),
    (&["forEach", "for_each", "each"], "write `for x in @ { … }`"),
    (&["reduce"], "write `fold(@, first, (sum, x) => …)`, or `sum(@)`"),
    (
        &["push", "append", "add", "extend", "concat"],
        "values do not change: a `for` yields its list, and `[...@, x]` is a longer one",
    ),
    (&["length", "size", "count"], "write `len(@)`"),
    (&["toLowerCase", "lowercase"], "write `lower(@)`"),
    (&["toUpperCase", "uppercase"], "write `upper(@)`"),
    (&["strip"], "write `trim(@)`"),
    (&["includes", "include", "has"], "write `contains(@, …)`"),
    (&["startsWith", "startswith"], "write `starts_with(@, …)`"),
    (&["endsWith", "endswith"], "write `ends_with(@, …)`"),
    (&["indexOf", "index", "find_index"], "write `index_of(@, …)`"),
    (&["substring", "substr", "charAt"], "write `slice(@, start, end)`"),
    (&["padStart", "rjust", "zfill"], "write `pad_start(@, 8, \"0\")`"),
    (&["replaceAll", "replace_all", "gsub"], "write `replace(@, what, with)`"),
    (&["sorted"], "write `sort(@)`"),
    (&["sort_by", "sortBy", "order_by", "orderBy"], "write `sort(@, x => …)`"),
    (&["group_by", "groupBy"], "write `group(@, x => …)`"),
    (&["uniq", "distinct", "dedup"], "write `unique(@)`"),
    (&["some", "exists"], "write `any(@, x => …)`"),
    (&["every"], "write `all(@, x => …)`"),
    (&["head"], "write `first(@)`"),
    (&["limit", "top"], "write `take(@, 10)`"),
    (&["offset"], "write `skip(@, 10)`"),
    (&["mean", "average"], "write `avg(@)`"),
    (&["isEmpty", "is_empty", "empty"], "write `len(@) == 0`"),
    (&["coalesce", "or_else", "unwrap_or"], "write `@ ?? …`"),
    (&["ceiling"], "write `ceil(@)`"),
    (&["toFixed", "to_fixed"], "write `format_number(@, 2)`"),
    (&["toString", "str", "to_string", "String"], "write `\"{@}\"`"),
    (&["format", "sprintf", "printf"], "values stand in the text: `\"{name} owes {amount}\"`"),
    (&["parseInt", "int", "to_int", "toInt", "atoi"], "write `parse_int(@)`"),
    (&["parseFloat", "float", "number", "to_number", "to_float", "Number"], "write `parse_number(@)`"),
    (&["decimal", "to_decimal", "Decimal"], "write `parse_decimal(@)`"),
    (&["bool", "to_bool"], "write the condition out: `@ == \"true\"`, `@ != 0`"),
    (&["JSON", "stringify", "dumps", "json"], "write `to_json(@)`"),
    (&["enumerate"], "write `for x, i in @ { … }`"),
    (&["print", "println", "puts", "log"], "write `log.write(…)`, and `can log.write`"),
    (&["fetch", "request", "axios"], "the tool for it is `http.get`"),
    (&["sleep", "delay"], "write `wait 5s`"),
    (&["throw", "raise", "error", "panic"], "write `fail \"message\"`, or with a code `fail not_found \"message\"`"),
    (&["assert"], "write `require condition else \"reason\"`"),
    (&["utcnow", "current_time", "timestamp"], "write `now()`"),
    (&["env", "getenv"], "a flow does not read the environment: let it be a parameter"),
];

/// What to write instead of `name(value)` or `value.name()`, if people know the name from elsewhere.
pub fn habit(name: &str, value: &str) -> Option<String> {
    let (_, help) = HABITS.iter().find(|(names, _)| names.contains(&name))?;
    Some(help.replace('@', value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_instead_exists() {
        for (names, help) in HABITS {
            for code in help.split('`').skip(1).step_by(2) {
                let Some((function, _)) = code.split_once('(') else { continue };
                let known = weir_stdlib::functions::FunctionId::named(function).is_some()
                    || ["now", "log.write"].contains(&function);
                assert!(known || code.starts_with('['), "{names:?}: `{function}` is no function");
            }
        }
    }

    #[test]
    fn no_name_stands_twice() {
        let names: Vec<&str> = HABITS.iter().flat_map(|(names, _)| names.iter().copied()).collect();
        for (place, name) in names.iter().enumerate() {
            assert!(!names.iter().take(place).any(|other| other == name), "`{name}` stands twice");
        }
    }
}
