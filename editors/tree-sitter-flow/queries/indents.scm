; How far lines move in (Neovim's names).
[(block) (record_type) (record) (list) (match) (catch_clause) (policy_declaration) (campaign_declaration)
 (test_declaration) (arguments) (parameters)] @indent.begin
["}" ")" "]"] @indent.branch @indent.end
(text_block) @indent.ignore
