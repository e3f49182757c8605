// What one character of look-ahead cannot decide; see grammar.js.

#include "tree_sitter/parser.h"
#include <string.h>

enum Token { CALL_OPEN, INDEX_OPEN, PERCENT, SOFT_NAME, PATTERN_MINUS, TOUCHING };

void *tree_sitter_flow_external_scanner_create(void) { return NULL; }
void tree_sitter_flow_external_scanner_destroy(void *payload) { (void)payload; }
unsigned tree_sitter_flow_external_scanner_serialize(void *payload, char *buffer) {
  (void)payload;
  (void)buffer;
  return 0;
}
void tree_sitter_flow_external_scanner_deserialize(void *payload, const char *buffer, unsigned length) {
  (void)payload;
  (void)buffer;
  (void)length;
}

static bool is_digit(int32_t c) { return c >= '0' && c <= '9'; }

static bool is_word(int32_t c) {
  return c == '_' || is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c > 127;
}

static bool is_blank(int32_t c) { return c == ' ' || c == '\t' || c == '\r'; }

static void skip_space(TSLexer *lexer) {
  while (is_blank(lexer->lookahead) || lexer->lookahead == '\n') lexer->advance(lexer, false);
}

// Words that begin a clause, a step or an expression and are names elsewhere.
static const char *SOFT[] = {
  "after",  "annotate", "at",     "backoff", "by",       "drop",  "every", "fallback", "final",  "from",    "key",
  "merge",  "next",     "on",     "optional", "parallel", "per",   "prefer", "prompt",  "repeat", "retry",   "start",
  "timeout", "undo",    "until",  "when",    "with",     "within", "catch", "zone",    "mock",   "expect",  "answer",
  "signal", "crash",    NULL,
};

// A soft word in front of `=`, `:` or `.` is a name.
static bool soft_name(TSLexer *lexer) {
  char word[16];
  unsigned length = 0;
  while (is_word(lexer->lookahead)) {
    if (length + 1 >= sizeof word || lexer->lookahead > 127) return false;
    word[length++] = (char)lexer->lookahead;
    lexer->advance(lexer, false);
  }
  word[length] = 0;
  bool soft = false;
  for (unsigned at = 0; SOFT[at]; at++) soft = soft || strcmp(SOFT[at], word) == 0;
  if (!soft) return false;
  lexer->mark_end(lexer);
  lexer->result_symbol = SOFT_NAME;
  if (lexer->lookahead == '.') return true;
  // `start f(x)` on one line starts a flow; anything else is a name.
  if (strcmp(word, "start") == 0) {
    while (is_blank(lexer->lookahead)) lexer->advance(lexer, false);
    return !is_word(lexer->lookahead) && lexer->lookahead != '`';
  }
  skip_space(lexer);
  if (lexer->lookahead == ':') return true;
  if (lexer->lookahead != '=') return false;
  lexer->advance(lexer, false);
  return lexer->lookahead != '=' && lexer->lookahead != '>';
}

// `-1 =>`, `-5..-1 |`, `-1 when`: a pattern, not a subtraction.
static bool pattern_minus(TSLexer *lexer) {
  lexer->advance(lexer, false);
  lexer->mark_end(lexer);
  lexer->result_symbol = PATTERN_MINUS;
  for (int end = 0; end < 2; end++) {
    if (!is_digit(lexer->lookahead)) return false;
    while (is_word(lexer->lookahead)) lexer->advance(lexer, false);
    if (lexer->lookahead != '.') break;
    lexer->advance(lexer, false);
    if (lexer->lookahead == '.') {
      lexer->advance(lexer, false);
      if (lexer->lookahead == '-') lexer->advance(lexer, false);
    }
  }
  skip_space(lexer);
  if (lexer->lookahead == '|') {
    lexer->advance(lexer, false);
    return lexer->lookahead != '>';
  }
  if (lexer->lookahead == '=') {
    lexer->advance(lexer, false);
    return lexer->lookahead == '>';
  }
  const char *when = "when";
  for (; *when; when++) {
    if (lexer->lookahead != *when) return false;
    lexer->advance(lexer, false);
  }
  return !is_word(lexer->lookahead);
}

bool tree_sitter_flow_external_scanner_scan(void *payload, TSLexer *lexer, const bool *valid) {
  (void)payload;
  // While recovering from an error everything is valid: leave it to the grammar's own tokens.
  if (valid[CALL_OPEN] && valid[PERCENT] && valid[SOFT_NAME] && valid[PATTERN_MINUS]) return false;
  // The upper end of `1..9` touches the dots.
  if (valid[TOUCHING]) {
    lexer->result_symbol = TOUCHING;
    return is_word(lexer->lookahead) || lexer->lookahead == '-' || lexer->lookahead == '`';
  }
  if (valid[PERCENT] && lexer->lookahead == '%') {
    lexer->advance(lexer, false);
    lexer->mark_end(lexer);
    lexer->result_symbol = PERCENT;
    return !is_word(lexer->lookahead) && lexer->lookahead != '(' && lexer->lookahead != '`' &&
           lexer->lookahead != '"';
  }
  if (valid[CALL_OPEN] || valid[INDEX_OPEN]) {
    while (is_blank(lexer->lookahead)) lexer->advance(lexer, true);
    if (valid[CALL_OPEN] && lexer->lookahead == '(') {
      lexer->advance(lexer, false);
      lexer->result_symbol = CALL_OPEN;
      return true;
    }
    if (valid[INDEX_OPEN] && lexer->lookahead == '[') {
      lexer->advance(lexer, false);
      lexer->result_symbol = INDEX_OPEN;
      return true;
    }
  }
  if (valid[SOFT_NAME] || valid[PATTERN_MINUS]) {
    while (is_blank(lexer->lookahead) || lexer->lookahead == '\n') lexer->advance(lexer, true);
    if (valid[PATTERN_MINUS] && lexer->lookahead == '-') return pattern_minus(lexer);
    if (valid[SOFT_NAME] && lexer->lookahead >= 'a' && lexer->lookahead <= 'z') return soft_name(lexer);
  }
  return false;
}
