// Highlighting of `flow` blocks for highlight.js, in the site and wherever else that runs. `scripts/test-docs` compares
// the words with those of the compiler.
(function (root) {
  "use strict";

  const words = {
    // Never a name.
    reserved:
      "if then else match for in and or not matches as return yield require check fail block wait ask receive",
    literals: "true false null",
    roles:
      "coordinator aggregator enricher transformer validator router executor saga delivery scheduler archiver " +
      "monitor agent",
    declarations: "type tool use const policy campaign test",
    // Special in their place only.
    placed:
      "undo final retry timeout catch fallback optional key until with next drop annotate prompt merge repeat start " +
      "parallel backoff matching forever escalate idempotent accepts costs can limit concurrency priority budget " +
      "before after error sample model tools every within cron event webhook prefer " +
      "fails from per by zone run on overlap flag mock expect answer signal crash when trusted untrusted secret",
    types: "string bool int number decimal time date duration json map",
  };

  function flow(hljs) {
    const alternatives = (list) => "(?:" + list.split(" ").join("|") + ")";
    const string = {
      className: "string",
      begin: '"',
      end: '"',
      illegal: "\\n",
      contains: [{ begin: "\\\\." }],
    };
    const hole = { className: "subst", begin: "\\{", end: "\\}", keywords: { keyword: words.reserved, literal: words.literals } };
    const block = { className: "string", begin: '"""', end: '"""', contains: [{ begin: "\\\\." }, hole] };
    string.contains.push(hole);
    hole.contains = [{ className: "string", begin: '"', end: '"' }, { begin: "\\{", end: "\\}" }];
    return {
      name: "Flow",
      keywords: {
        $pattern: "[A-Za-z_]\\w*",
        keyword: words.reserved,
        literal: words.literals,
      },
      contains: [
        { className: "comment", begin: "//", end: "$" },
        block,
        string,
        { className: "regexp", begin: "/(?=[^/\\s*])", end: "/", illegal: "\\n", contains: [{ begin: "\\\\." }], relevance: 0 },
        { begin: "`", end: "`" },
        // `a.tools` and `x?.key` are fields.
        { begin: "\\.[A-Za-z_]\\w*" },
        // `key: 1`, `limit = 2` and `from,` are names.
        { begin: "\\b" + alternatives(words.placed + " " + words.types) + "(?=\\??\\s*(?::|=(?![=>])))" },
        { className: "keyword", begin: "\\b" + alternatives(words.roles + " " + words.declarations) + "(?=[ \\t]+[\"`\\w])" },
        { className: "keyword", begin: "\\b" + alternatives(words.placed) + "\\b(?=[ \\t]*(?:$|[\\w\"'`{(\\[/.]))" },
        { className: "built_in", begin: "\\b" + alternatives(words.types) + "\\b(?!\\()" },
        { className: "type", begin: "\\b[A-Z]\\w*\\b", relevance: 0 },
        { className: "number", begin: "\\b\\d[\\d_]*(?:\\.\\d+)?(?:%|(?:ms|[smhdw])(?:\\d+(?:ms|[smhdw]))*\\b)?", relevance: 0 },
      ],
    };
  }

  if (typeof module === "object" && module.exports) {
    module.exports = { flow, words };
  }
  if (root.hljs && root.document) {
    root.hljs.registerLanguage("flow", flow);
    // mdBook has highlighted before it runs this.
    root.document.querySelectorAll("code.language-flow").forEach((block) => root.hljs.highlightBlock(block));
  }
})(typeof window === "object" ? window : globalThis);
