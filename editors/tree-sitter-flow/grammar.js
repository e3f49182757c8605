// The grammar of Weir for editors. The compiler's own is `lang/src/weir.pest`; a test holds the two together.
//
// A `(` or `[` belongs to what stands before it only on the same line, `%` behind a number is a percent only where
// nothing follows that could be divided by, and clause words are names in front of `=`, `:` and `.`: those decisions
// are in `src/scanner.c`.

const PREC = {
  lambda: -2,
  pipe: 1,
  or: 2,
  and: 3,
  not: 4,
  compare: 5,
  range: 6,
  coalesce: 7,
  add: 8,
  multiply: 9,
  cast: 10,
  negate: 11,
  postfix: 12,
};

const ROLES = [
  'coordinator', 'aggregator', 'enricher', 'transformer', 'validator', 'router', 'executor',
  'saga', 'delivery', 'scheduler', 'archiver', 'monitor', 'agent',
];

/** Entries with commas between them; a new line is as good. */
function listed(rule) {
  return optional(seq(rule, repeat(seq(optional(','), rule)), optional(','))) ;
}

function commas(rule) {
  return seq(rule, repeat(seq(',', rule)));
}

module.exports = grammar({
  name: 'flow',

  externals: $ => [$._call_open, $._index_open, $._percent, $._soft_name, $._pattern_minus, $._touching],

  extras: $ => [/[\s\uFEFF]/, $.comment, $.doc_comment],

  word: $ => $._word,

  supertypes: $ => [$.declaration, $.step, $.expression, $.type, $.clause, $.flow_clause],

  conflicts: $ => [
    [$._operand, $.fail],
    [$.lambda_parameters, $._operand],
    [$.block, $.record],
    [$._operand, $.entry],
    [$._item, $.comprehension],
  ],

  rules: {
    source_file: $ => repeat($.declaration),

    declaration: $ => choice(
      $.use_declaration, $.const_declaration, $.type_declaration, $.tool_declaration, $.flow_declaration,
      $.policy_declaration, $.campaign_declaration, $.test_declaration,
    ),

    comment: _ => token(seq('//', /[^\n]*/)),
    doc_comment: _ => token(prec(1, seq('///', /[^\n]*/))),

    // ---- names ----------------------------------------------------------------------------------------

    _word: _ => /[\p{XID_Start}_]\p{XID_Continue}*/,
    _quoted: _ => /`[^`\n]+`/,
    identifier: $ => choice($._word, $._quoted, $._soft_name),
    path: $ => prec.left(seq($.identifier, repeat(seq('.', $.identifier)))),

    // ---- declarations ---------------------------------------------------------------------------------

    use_declaration: $ => seq('use', field('path', $.path), optional(seq('.{', listed($.use_name), '}'))),
    use_name: $ => seq(field('name', $.identifier), optional(seq('as', field('alias', $.identifier)))),

    const_declaration: $ => seq('const', field('name', $.identifier), '=', field('value', $.expression)),
    type_declaration: $ => seq('type', field('name', $.identifier), '=', optional('|'), field('type', $.type)),

    tool_declaration: $ => seq(
      'tool', field('name', $.path), field('parameters', $.parameters), optional(field('returns', $.returns)),
      repeat(choice($.can_clause, $.idempotent, $.timeout_clause, $.accepts_key, $.costs, $.fails)),
    ),
    idempotent: _ => 'idempotent',
    accepts_key: $ => seq('accepts', 'key', $.identifier),
    costs: $ => seq('costs', $.expression),
    fails: $ => seq('fails', commas($.identifier)),

    parameters: $ => seq($._open_paren, listed($.parameter), ')'),
    _open_paren: $ => choice('(', alias($._call_open, '(')),
    parameter: $ => seq(
      field('name', $.identifier), optional('?'), ':', field('type', $.type),
      optional(seq('=', field('default', $.expression))),
    ),
    returns: $ => seq('->', $.type),

    flow_declaration: $ => seq(
      field('role', $.role), field('name', $.identifier), field('parameters', $.parameters),
      optional(field('returns', $.returns)), repeat($.flow_clause), field('body', $.block),
    ),
    role: _ => choice(...ROLES),

    flow_clause: $ => choice(
      $.can_clause, $.timeout_clause, $.limit_clause, $.concurrency_clause, $.priority_clause, $.budget_clause,
      $.before_clause, $.after_clause, $.on_error_clause, $.sample_clause, $.model_clause, $.tools_clause, $.with_clause,
    ),
    can_clause: $ => seq('can', commas($.capability)),
    capability: $ => $.path,
    limit_clause: $ => seq('limit', $.expression, 'per', $.expression),
    concurrency_clause: $ => seq('concurrency', $.expression, optional(seq('by', $.expression))),
    priority_clause: $ => seq('priority', $.expression),
    budget_clause: $ => seq('budget', commas($.budget_part)),
    budget_part: $ => seq(optional(choice('cost', 'depth')), $.expression, optional(choice('calls', 'call'))),
    before_clause: $ => seq('before', $.path),
    after_clause: $ => seq('after', $.path),
    on_error_clause: $ => seq('on', 'error', $.path),
    sample_clause: $ => seq('sample', $.expression),
    model_clause: $ => seq('model', $.expression),
    tools_clause: $ => seq('tools', commas($.path)),

    policy_declaration: $ => seq(
      'policy', field('name', $.identifier), '{',
      repeat(seq(choice($.policy_arm, $.timeout_clause), optional(','))), '}',
    ),
    policy_arm: $ => seq(
      $._codes, '=>', choice(seq($.policy_retry, optional(seq('then', $.policy_end))), $.policy_end),
    ),
    policy_retry: $ => seq('retry', choice('forever', $.expression), optional($.backoff)),
    policy_end: $ => choice(seq('escalate', $.path), 'fallback', 'fail'),
    _codes: $ => choice('else', commas(field('code', $._code))),
    _code: $ => choice($.identifier, alias('timeout', $.identifier)),

    campaign_declaration: $ => seq(
      'campaign', field('name', $.identifier), '{', repeat(seq($._campaign_part, optional(','))), '}',
    ),
    _campaign_part: $ => choice(
      $.cron, $.every, $.on_event, $.on_webhook, $.run, $.deliver, $.flag, $.overlap, $.priority_clause,
    ),
    cron: $ => seq('cron', $.expression, optional(seq('zone', $.expression))),
    every: $ => seq('every', $.expression),
    on_event: $ => seq('on', 'event', $._operand, 'as', $.type),
    on_webhook: $ => seq('on', 'webhook', $._operand, 'as', $.type),
    run: $ => seq('run', field('callee', $.path), $.arguments),
    deliver: _ => seq('delivery', choice('on', 'off')),
    flag: $ => seq('flag', $.expression),
    overlap: _ => seq('overlap', choice('skip', 'queue', 'allow')),

    test_declaration: $ => seq('test', field('name', $.string), '{', repeat($._test_step), '}'),
    _test_step: $ => choice($.mock, $.expect, $.answer, $.signal, $.crash, $.bind),
    mock: $ => seq(
      'mock', field('tool', $.path), optional($.arguments), '=>', $._outcome, repeat(seq('then', $._outcome)),
    ),
    _outcome: $ => choice($.mock_failure, $.expression),
    mock_failure: $ => prec(1, seq('fail', field('code', $.identifier), optional($.string))),
    expect: $ => seq('expect', $.expression),
    answer: $ => seq('answer', $._operand, '=>', $.expression),
    signal: $ => seq('signal', $._operand, optional(seq('key', $._operand)), '=>', $.expression),
    crash: $ => seq('crash', 'after', $.path),

    // ---- types ----------------------------------------------------------------------------------------

    type: $ => choice(
      $.type_name, $.literal_type, $.list_type, $.map_type, $.record_type, $.union_type, $.intersection_type,
      $.nullable_type, $.matching_type, $.bounded_type, $.marked_type, $.parenthesized_type,
    ),
    type_name: $ => prec.right($.path),
    literal_type: $ => choice(seq(optional('-'), $.number), $.string, $.boolean, $.null),
    list_type: $ => seq('[', $.type, ']'),
    map_type: $ => seq('map', '<', $.type, '>'),
    record_type: $ => seq('{', listed($.field_declaration), '}'),
    field_declaration: $ => seq(field('name', $.identifier), optional('?'), ':', field('type', $.type)),
    union_type: $ => prec.left(1, seq($.type, '|', $.type)),
    intersection_type: $ => prec.left(2, seq($.type, '&', $.type)),
    nullable_type: $ => prec(4, seq($.type, '?')),
    matching_type: $ => prec(4, seq($.type, 'matching', $.regex)),
    bounded_type: $ => prec.right(4, seq($.type, 'in', $._bounds)),
    _bounds: $ => prec.right(choice(
      seq($._bound, '..', optional(seq($._touching, $._bound))), seq('..', $._touching, $._bound),
    )),
    _bound: $ => prec.left(choice(seq(optional('-'), $.number), $.path)),
    marked_type: $ => prec.right(0, seq(choice('trusted', 'untrusted', 'secret'), $.type)),
    parenthesized_type: $ => seq('(', $.type, ')'),

    // ---- steps ----------------------------------------------------------------------------------------

    block: $ => prec.dynamic(1, seq('{', repeat($.step), '}')),

    step: $ => choice(
      $.bind, $.expression_step, $.require, $.check, $.yield, $.return, $.wait, $.next, $.drop, $.annotate, $.key_step,
      $.prompt, $.from, $.merge,
    ),
    bind: $ => seq(field('name', $.identifier), '=', field('value', $._claused)),
    expression_step: $ => $._claused,
    require: $ => prec.right(seq(
      'require', field('condition', $.expression), optional(seq('else', choice($.drop, $.expression))),
    )),
    check: $ => seq('check', field('callee', $.path), $.arguments),
    yield: $ => seq('yield', $._claused),
    return: $ => prec.right(seq('return', optional($._claused))),
    wait: $ => seq('wait', optional('until'), $.expression),
    next: $ => seq('next', $.expression),
    drop: $ => seq('drop', $.expression),
    annotate: $ => seq('annotate', $.expression),
    prompt: $ => seq('prompt', $.expression),
    key_step: $ => prec.right(seq('key', $.expression, optional($._per_run))),
    _per_run: _ => seq('per', 'run'),
    from: $ => prec.right(seq('from', $._source, 'as', field('name', $.identifier), repeat($.clause))),
    _source: $ => choice($._operand, alias($._source_pipe, $.pipe)),
    _source_pipe: $ => prec.left(PREC.pipe, seq($._source, '|>', optional('check'), $.stage)),
    merge: $ => prec.right(seq('merge', 'by', $.expression, optional(seq('prefer', commas($.identifier))))),

    // ---- clauses --------------------------------------------------------------------------------------

    _claused: $ => prec.right(choice($.expression, $.claused)),
    claused: $ => prec.right(seq($.expression, repeat1(choice($.clause, $.from_clause)))),

    clause: $ => choice(
      $.retry_clause, $.timeout_clause, $.with_clause, $.catch_clause, $.fallback_clause, $.optional_clause,
      $.final_clause, $.undo_clause, $.key_clause, $.until_clause,
    ),
    retry_clause: $ => prec.right(seq(
      'retry', choice('forever', $.expression), optional($.backoff), optional(seq('on', commas($.identifier))),
    )),
    backoff: $ => seq('backoff', $.expression),
    timeout_clause: $ => seq('timeout', $.expression),
    with_clause: $ => seq('with', $.identifier),
    catch_clause: $ => seq('catch', '{', repeat(seq($.catch_arm, optional(','))), '}'),
    catch_arm: $ => seq(
      $._codes, optional(seq('as', field('binding', $.identifier))), '=>', field('body', choice($.block, $.expression)),
    ),
    fallback_clause: $ => seq('fallback', $.expression),
    optional_clause: _ => 'optional',
    final_clause: _ => 'final',
    undo_clause: $ => seq('undo', $.expression),
    key_clause: $ => prec.right(seq('key', $.expression, optional($._per_run))),
    until_clause: $ => prec.right(seq(
      'until', $.expression, optional(seq('every', $.expression)), optional(seq('within', $.expression)),
    )),
    from_clause: $ => seq('from', $._operand),

    // ---- expressions ----------------------------------------------------------------------------------

    expression: $ => choice(
      $._operand, $.unary, $.binary, $.range, $.cast, $.pipe, $.lambda, $.ask, $.receive, $.start, $.block_exit, $.fail,
    ),

    _operand: $ => choice(
      $.identifier, $.number, $.string, $.text_block, $.boolean, $.null, $.list, $.comprehension, $.record,
      $.parenthesized, $.if, $.choose, $.match, $.for, $.repeat, $.field, $.index, $.call, $.regex,
    ),

    field: $ => prec(PREC.postfix, seq(field('base', $._operand), choice('.', '?.'), field('name', $.identifier))),
    index: $ => prec(PREC.postfix, seq($._operand, alias($._index_open, '['), $.expression, ']')),
    call: $ => prec(PREC.postfix, seq(field('callee', $._operand), field('arguments', $.arguments))),
    arguments: $ => seq(alias($._call_open, '('), listed($.argument), ')'),
    argument: $ => seq(optional(seq(field('name', $.identifier), ':')), field('value', $._claused)),

    unary: $ => choice(
      prec(PREC.not, seq('not', $.expression)),
      prec(PREC.negate, seq('-', $.expression)),
    ),
    binary: $ => choice(
      ...[
        [$ => 'or', PREC.or], [$ => 'and', PREC.and], [$ => $._comparison, PREC.compare], [$ => '??', PREC.coalesce],
        [$ => $._sum, PREC.add], [$ => $._product, PREC.multiply],
      ].map(([operator, precedence]) => prec.left(precedence, seq(
        field('left', $.expression), field('operator', operator($)), field('right', $.expression),
      ))),
    ),
    _comparison: _ => choice('==', '!=', '<', '<=', '>', '>=', 'in', 'matches', seq('not', 'in')),
    _sum: _ => choice('+', '-'),
    _product: _ => choice('*', '/', '%'),
    range: $ => prec.left(PREC.range, seq($.expression, '..', $.expression)),
    cast: $ => prec.left(PREC.cast, seq($.expression, 'as', optional('?'), $.type)),
    pipe: $ => prec.left(PREC.pipe, seq($.expression, '|>', optional('check'), $.stage)),
    stage: $ => prec.right(seq(field('callee', $.path), optional($.arguments))),
    lambda: $ => prec.right(PREC.lambda, seq(
      choice($.identifier, $.lambda_parameters), '=>', field('body', $.expression),
    )),
    lambda_parameters: $ => seq('(', optional(commas($.identifier)), ')'),

    parenthesized: $ => seq('(', $._claused, ')'),
    list: $ => seq('[', listed($._item), ']'),
    _item: $ => choice($.expression, $.spread),
    spread: $ => seq('...', $.expression),
    comprehension: $ => seq(
      '[', $.expression, 'for', $.identifier, optional(seq(',', $.identifier)), 'in', $.expression,
      optional(seq('if', $.expression)), ']',
    ),
    record: $ => seq('{', listed(choice($.spread, $.entry)), '}'),
    entry: $ => seq(field('name', $.identifier), optional(seq(':', field('value', $.expression)))),

    choose: $ => prec.right(seq(
      'if', $.expression, 'then', $.expression, 'else', $.expression,
    )),
    if: $ => prec.right(seq(
      'if', field('condition', $.expression), field('then', $.block),
      optional(seq('else', field('else', choice($.block, $.if)))),
    )),
    match: $ => seq('match', $.expression, '{', repeat(seq($.match_arm, optional(','))), '}'),
    match_arm: $ => seq(
      choice('else', seq($.pattern, repeat(seq('|', $.pattern)))), optional(seq('when', field('guard', $.expression))),
      '=>', field('body', choice($.block, $._claused)),
    ),
    pattern: $ => seq($._pattern_end, optional(seq('..', $._pattern_end))),
    _pattern_end: $ => choice(
      seq(optional(choice('-', alias($._pattern_minus, '-'))), $.number), $.string, $.text_block, $.boolean, $.null,
    ),
    for: $ => seq(
      'for', field('name', $.identifier), optional(seq(',', field('index', $.identifier))), 'in',
      field('source', $.expression), optional(seq('parallel', field('parallel', $.expression))), field('body', $.block),
    ),
    repeat: $ => seq(
      'repeat', field('name', $.identifier), '=', field('initial', $.expression), 'at', 'most', field('most', $.expression),
      field('body', $.block),
    ),

    ask: $ => prec.right(seq('ask', $._operand, 'as', $.type)),
    receive: $ => prec.right(seq('receive', $._operand, 'as', $.type)),
    start: $ => prec.right(seq(
      'start', field('callee', $.path), $.arguments, optional(seq(choice('after', 'at'), $.expression)),
    )),
    block_exit: $ => prec.right(seq('block', $._operand)),
    fail: $ => prec.right(choice(
      prec.dynamic(1, seq('fail', field('code', $.identifier), choice($.string, $.text_block))),
      seq('fail', $._operand),
    )),

    // ---- literals -------------------------------------------------------------------------------------

    number: $ => seq(/[0-9]\p{XID_Continue}*(\.[0-9]\p{XID_Continue}*)*/, optional(alias($._percent, '%'))),
    boolean: _ => choice('true', 'false'),
    null: _ => 'null',
    regex: _ => token(seq('/', /[^\/*\n\\ ]|\\[^\n]/, /([^\/\n\\]|\\[^\n])*/, '/')),
    string: $ => seq('"', repeat(choice($.text, $.escape, $.interpolation)), token.immediate('"')),
    text: _ => token.immediate(prec(1, /[^"\\{\n]+/)),
    escape: _ => token.immediate(prec(1, /\\u\{[^}"\n]*\}|\\[^\n]/)),
    interpolation: $ => seq(token.immediate('{'), $.expression, '}'),
    text_block: $ => seq(
      '"""', repeat(choice(alias($._block_text, $.text), $.escape, $.interpolation)), token.immediate('"""'),
    ),
    _block_text: _ => choice(token.immediate(prec(1, /[^"\\{]+/)), token.immediate('"')),
  },
});
