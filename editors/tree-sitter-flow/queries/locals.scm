; Where names are declared and which part of the text sees them.
(flow_declaration) @local.scope
(block) @local.scope
(for) @local.scope
(repeat) @local.scope
(lambda) @local.scope
(comprehension) @local.scope

(flow_declaration name: (identifier) @local.definition.function)
(type_declaration name: (identifier) @local.definition.type)
(const_declaration name: (identifier) @local.definition.constant)
(parameter name: (identifier) @local.definition.parameter)
(bind name: (identifier) @local.definition.var)
(for name: (identifier) @local.definition.var)
(for index: (identifier) @local.definition.var)
(repeat name: (identifier) @local.definition.var)
(lambda (identifier) @local.definition.var)
(lambda_parameters (identifier) @local.definition.var)
(from name: (identifier) @local.definition.var)
(catch_arm binding: (identifier) @local.definition.var)

(identifier) @local.reference
