; What can be folded away.
[(block) (record_type) (record) (list) (match) (catch_clause) (policy_declaration) (campaign_declaration)
 (test_declaration) (text_block) (arguments) (parameters)] @fold
