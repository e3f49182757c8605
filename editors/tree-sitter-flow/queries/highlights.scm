; Which colour each part of the text gets. Later patterns win in Neovim, earlier ones elsewhere: none overlap but names.

(comment) @comment
(doc_comment) @comment.documentation

; literals
(number) @number
(boolean) @boolean
(null) @constant.builtin
(string) @string
(text_block) @string
(escape) @string.escape
(regex) @string.regexp
(interpolation ["{" "}"] @punctuation.special)

; words
(role) @keyword.function
["use" "as"] @keyword.import
["const" "type" "tool" "policy" "campaign" "test"] @keyword.type
["if" "then" "else" "match" "when" "for" "repeat" "at" "most"] @keyword.conditional
["return" "yield" "next"] @keyword.return
["require" "check" "wait" "start" "ask" "receive" "merge" "by" "prefer" "from" "prompt" "annotate" "drop" "parallel"
 "after" "until" "run"] @keyword
["fail" "block" "catch" "retry" "fallback" "undo"] @keyword.exception
["timeout" "with" "key" "backoff" "on" "every" "within" "per" "forever" (optional_clause) (final_clause)] @keyword.modifier
["can" "limit" "concurrency" "priority" "budget" "before" "error" "sample" "model" "tools" "calls" "call" "cost" "depth"
 "accepts" "costs" "fails" (idempotent)] @keyword.modifier
["cron" "zone" "event" "webhook" "delivery" "flag" "overlap" "skip" "queue" "allow" "off" "escalate"] @keyword.modifier
["mock" "expect" "answer" "signal" "crash"] @keyword
["trusted" "untrusted" "secret"] @keyword.modifier
["and" "or" "not" "in" "matches" "matching"] @keyword.operator

; names
(type_name (path) @type)
((type_name (path) @type.builtin)
  (#any-of? @type.builtin "string" "int" "number" "decimal" "bool" "null" "json" "time" "date" "duration"))
"map" @type.builtin
(type_declaration name: (identifier) @type.definition)
(flow_declaration name: (identifier) @function)
(tool_declaration name: (path) @function)
(const_declaration name: (identifier) @constant)
(policy_declaration name: (identifier) @label)
(campaign_declaration name: (identifier) @label)
(capability (path) @constant.builtin)
(parameter name: (identifier) @variable.parameter)
(argument name: (identifier) @variable.parameter)
(field_declaration name: (identifier) @property)
(entry name: (identifier) @property)
(field name: (identifier) @property)
(bind name: (identifier) @variable)
(call callee: (identifier) @function.call)
(call callee: (field base: (_) @module name: (identifier) @function.call))
(start callee: (path) @function.call)
(check callee: (path) @function.call)
(stage callee: (path) @function.call)
(run callee: (path) @function.call)
(mock tool: (path) @function.call)
(catch_arm code: (identifier) @constant)
(policy_arm code: (identifier) @constant)
(fail code: (identifier) @constant)

; signs
["+" "-" "*" "/" "%" "==" "!=" "<" "<=" ">" ">=" "??" "|>" "=" "=>" "->" "|" "&" "?" ".." "..."] @operator
["(" ")" "[" "]" "{" "}"] @punctuation.bracket
["," ":" "." "?."] @punctuation.delimiter
