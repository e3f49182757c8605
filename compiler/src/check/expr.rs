//! Types of expressions, found inwards from what is expected and outwards from what is there.

use super::body::Body;
use super::errors;
use super::ops::join;
use super::program::Entity;
use super::scope::path_of;
use super::types::literal_type;
use ecow::EcoString;
use indexmap::IndexMap;
use rustc_hash::FxHashMap;
use std::sync::Arc;
use weir_lang::ast::{Expr, ExprKind, Ident, ListItem, Lit, Part, RecordEntry};
use weir_lang::span::Span;
use weir_lang::types::{FieldType, Literal, RecordType, Type, fits};

impl Body<'_> {
    /// The type of an expression; noted for lowering and editors.
    pub(super) fn infer(&mut self, expr: &Expr, expected: Option<&Type>) -> Type {
        let ty = self.infer_kind(expr, expected);
        let ty = if self.may_keep(expr.span, &ty) { ty } else { Type::Broken };
        self.checker.check_work(self.checker.program.loc(self.module, expr.span));
        self.checker.set_type(self.module, expr.id, ty.clone());
        ty
    }

    /// Whether a type that was just made may be kept.
    fn may_keep(&mut self, span: Span, ty: &Type) -> bool {
        let made = made_members(ty);
        let loc = self.loc(span);
        self.checker.may_grow(loc, made, 1)
    }

    /// Notes what a condition says for the rest of the block.
    pub(super) fn assume(&mut self, span: Span, mut facts: super::facts::Facts) {
        facts.retain(|(_, ty)| self.may_keep(span, ty));
        self.scope.assume(facts);
    }

    /// Checks an expression against a type. `context` names who wants it.
    pub(super) fn expect(&mut self, expr: &Expr, expected: &Type, context: &str) -> Type {
        let ty = self.infer(expr, Some(expected));
        self.check_fit(expr, &ty, expected, context);
        ty
    }

    /// The same for an expression that may have clauses.
    pub(super) fn expect_claused(&mut self, expr: &Expr, expected: &Type, context: &str) {
        let ty = self.infer_claused(expr, Some(expected), None);
        self.check_fit(expr, &ty, expected, context);
    }

    /// A text constant that stands for a time, date or duration must read as one.
    fn check_temporal(&mut self, expr: &Expr, text: &EcoString, expected: &Type) {
        let types = &self.checker.program.types;
        let members = types.members(expected);
        let wanted: Vec<&Type> = members
            .iter()
            .copied()
            .filter(|member| matches!(member, Type::Time | Type::Date | Type::Duration))
            .collect();
        if wanted.is_empty() {
            return;
        }
        if members.iter().any(|member| {
            fits(&Type::text(text.clone()), member, types).is_ok()
                && !matches!(member, Type::Time | Type::Date | Type::Duration)
        }) {
            return;
        }
        let value = weir_stdlib::value::Value::text(text.as_str());
        let reads = |ty: &&Type| {
            let boundary = weir_stdlib::narrow::Boundary::new((*ty).clone());
            weir_stdlib::narrow::narrow(&value, &boundary, types).is_ok()
        };
        if !wanted.iter().any(reads) {
            let heads: Vec<String> = wanted.iter().map(|ty| format!("`{ty}`")).collect();
            let message = format!("`{text}` does not read as a {}", heads.join(" or a "));
            let loc = self.loc(expr.span);
            self.report(errors::invalid_constant(loc, message));
        }
    }

    fn infer_kind(&mut self, expr: &Expr, expected: Option<&Type>) -> Type {
        match &expr.kind {
            ExprKind::Lit(lit) => self.literal(expr, lit, expected),
            ExprKind::Template(parts) => self.template(parts),
            ExprKind::Regex(_) => Type::Regex,
            ExprKind::Name(name) => self.name(name),
            ExprKind::Field { base, name, optional } => self.field(expr, base, name, *optional),
            ExprKind::Index { base, index } => self.index(base, index),
            ExprKind::Call { callee, args } => self.call(callee, args, None),
            ExprKind::Unary { op, operand } => self.unary(expr, *op, operand),
            ExprKind::Binary { op, op_span, left, right } => self.binary(expr, *op, *op_span, left, right, expected),
            ExprKind::Range { lo, hi } => {
                self.expect(lo, &Type::INT, "a range");
                self.expect(hi, &Type::INT, "a range");
                Type::list(Type::INT)
            }
            ExprKind::Choose { cond, then, otherwise } => self.choose(cond, then, otherwise, expected),
            ExprKind::If { cond, then, otherwise } => self.if_blocks(cond, then, otherwise.as_ref(), expected),
            ExprKind::Match { subject, arms } => self.match_arms(expr.span, subject, arms, expected),
            ExprKind::List(items) => self.list(items, expected),
            ExprKind::Comprehension { value, var, index, source, cond } => {
                self.comprehension(value, var, index.as_ref(), source, cond.as_deref(), expected)
            }
            ExprKind::Record(entries) => self.record(entries, expected),
            ExprKind::Lambda { .. } => {
                let loc = self.loc(expr.span);
                let help = "a lambda is an argument of a library function, e.g. `sort(xs, by: x => x.score)`";
                self.report(errors::invalid_clause(loc, "a lambda cannot stand here", help));
                Type::Broken
            }
            ExprKind::Cast { value, ty, optional } => {
                let ty = self.written(expr, ty);
                self.infer_claused(value, None, None);
                if *optional { ty.nullable() } else { ty }
            }
            ExprKind::Pipe { value, stage } => self.pipe(expr, value, stage),
            ExprKind::Claused { .. } => self.infer_claused(expr, expected, None),
            ExprKind::For { var, index, source, parallel, body } => {
                self.for_loop(var, index.as_ref(), source, parallel.as_deref(), body, expected)
            }
            ExprKind::Repeat { var, init, at_most, body } => self.repeat_loop(expr, var, init, at_most, body, expected),
            ExprKind::Ask { question, ty } => {
                self.text(question);
                self.written(expr, ty)
            }
            ExprKind::Receive { event, ty } => {
                self.expect(event, &Type::STRING, "`receive`");
                self.written(expr, ty)
            }
            ExprKind::Start { callee, args, delay } => self.start(expr, callee, args, delay.as_ref()),
            ExprKind::Block(reason) => {
                self.text(reason);
                Type::Never
            }
            ExprKind::Fail { code, message } => {
                if let Some(code) = code {
                    self.check_own_code(code);
                }
                self.text(message);
                Type::Never
            }
            ExprKind::Paren(inner) => self.infer_claused(inner, expected, None),
            ExprKind::Error => Type::Broken,
        }
    }

    /// A type written in an expression, noted for lowering.
    fn written(&mut self, expr: &Expr, ty: &weir_lang::ast::TypeExpr) -> Type {
        let ty = self.checker.resolve_type(self.module, ty);
        self.checker.written.insert((self.module, expr.id), ty.clone());
        ty
    }

    fn literal(&mut self, expr: &Expr, lit: &Lit, expected: Option<&Type>) -> Type {
        let ty = literal_type(lit);
        if let (Lit::String(text), Some(expected)) = (lit, expected) {
            self.check_temporal(expr, text, expected);
        }
        let wants_decimal = expected.is_some_and(|expected| {
            let members = self.checker.program.types.members(expected);
            members.iter().any(|member| matches!(member, Type::Decimal(_)))
                && !members.iter().any(|member| matches!(member, Type::Int(_) | Type::Number(_)))
        });
        if wants_decimal && matches!(ty, Type::Literal(Literal::Int(_) | Literal::Number(_))) {
            self.checker.decimals.insert((self.module, expr.id));
        }
        ty
    }

    /// Something that must be a text to show: message, reason, question.
    pub(super) fn text(&mut self, expr: &Expr) {
        self.expect(expr, &Type::STRING, "this text");
    }

    fn template(&mut self, parts: &[Part]) -> Type {
        for part in parts {
            let Part::Expr(expr) = part else { continue };
            let ty = self.infer_claused(expr, None, None);
            if let Some(found) = self.checker.literal_dollar(self.loc(expr.span)) {
                self.report(found);
            }
            let shown = Type::union([
                Type::STRING,
                Type::NUMBER,
                Type::DECIMAL,
                Type::INT,
                Type::Bool,
                Type::Time,
                Type::Date,
                Type::Duration,
            ]);
            if fits(&ty, &shown, &self.checker.program.types).is_err() {
                let loc = self.loc(expr.span);
                self.report(errors::not_text(loc, &ty));
            }
        }
        Type::STRING
    }

    fn name(&mut self, name: &Ident) -> Type {
        if let Some(binding) = self.scope.read(&name.name) {
            let ty = binding.ty.clone();
            return self.scope.fact(&name.name).cloned().unwrap_or(ty);
        }
        let entity = self.checker.program.entity(self.module, &name.name).cloned();
        let loc = self.loc(name.span);
        let what = match entity {
            Some(Entity::Const(place)) => return self.checker.const_type(place),
            Some(Entity::Flow(_)) => "flow",
            Some(Entity::Type(full)) if full.is_empty() => return Type::Broken,
            Some(Entity::Type(_)) => "type",
            Some(Entity::Policy(_)) => "policy",
            Some(Entity::Module(_)) => "module",
            None if self.clock && name.name == "event" => {
                self.report(errors::no_event(loc));
                return Type::Broken;
            }
            None if self.scope.was_bound(&name.name) => "",
            None if weir_stdlib::functions::FunctionId::named(&name.name).is_some() => "function",
            None if self.unknown.contains(&name.name) => return Type::Broken,
            None => {
                self.unknown.insert(name.name.clone());
                let scope = self.checker.program.modules.get(self.module).map(|module| module.scope.keys());
                let consts = scope.into_iter().flatten().map(EcoString::as_str);
                let near = self.checker.near(&name.name, self.scope.names().chain(consts)).map(str::to_string);
                self.report(errors::unknown_name(loc, &name.name, near.as_deref()));
                return Type::Broken;
            }
        };
        if what.is_empty() {
            if let Some(bound) = self.scope.ended(&name.name) {
                let bound = self.loc(bound);
                self.report(errors::out_of_block(loc, &name.name, bound));
            }
            return Type::Broken;
        }
        self.report(errors::not_a_value(loc, &name.name, what));
        Type::Broken
    }

    /// `crm.search` where a value is wanted: the tool or flow that it names.
    fn uncalled(&self, expr: &Expr) -> Option<EcoString> {
        let mut path = path_of(expr)?;
        if self.scope.get(path.split('.').next().unwrap_or("")).is_some() {
            return None;
        }
        loop {
            let flows = &self.checker.program.flow_places;
            if self.checker.program.tool_named(&path).is_some() || flows.contains_key(&path) {
                return Some(path);
            }
            let (front, _) = path.rsplit_once('.')?;
            path = front.into();
        }
    }

    fn field(&mut self, expr: &Expr, base: &Expr, name: &Ident, optional: bool) -> Type {
        if let Some(path) = self.uncalled(expr) {
            let loc = self.loc(expr.span);
            self.report(errors::not_called(loc, &path));
            return Type::Broken;
        }
        let base_ty = self.infer_claused(base, None, None);
        if let Some(path) = path_of(expr)
            && let Some(known) = self.scope.fact(&path)
        {
            return known.clone();
        }
        let types = &self.checker.program.types;
        let nullable = !matches!(types.head(&base_ty), Type::Json | Type::Broken) && base_ty.has_null(types);
        let inner = if nullable { base_ty.non_null(types) } else { base_ty.clone() };
        if nullable && !optional {
            let loc = self.loc(name.span);
            self.report(errors::field_of_null(loc, &name.name, &base_ty, path_of(base).as_deref().unwrap_or("x")));
            return Type::Broken;
        }
        if optional {
            self.check_optional_field(base, &base_ty, name);
        }
        let ty = self.field_type(base, &inner, name);
        if nullable { ty.nullable() } else { ty }
    }

    fn field_type(&mut self, base: &Expr, ty: &Type, name: &Ident) -> Type {
        let mut found = Vec::new();
        let members: Vec<Type> = self.checker.program.types.members(ty).into_iter().cloned().collect();
        for member in &members {
            match member {
                Type::Record(record) => match record.fields.get(&name.name) {
                    Some(field) => found.push(field.read()),
                    None => return self.no_field(ty, member, name),
                },
                Type::Map(value) => found.push((**value).clone().nullable()),
                Type::Broken | Type::Never => return Type::Broken,
                Type::Json => return self.json_field(base, name),
                other => return self.no_field(ty, other, name),
            }
        }
        super::ops::join_all(found, &self.checker.program.types)
    }

    fn no_field(&mut self, ty: &Type, member: &Type, name: &Ident) -> Type {
        let known: Vec<&str> = match member {
            Type::Record(record) => record.fields.keys().map(EcoString::as_str).collect(),
            _ => Vec::new(),
        };
        let near = self.checker.near(&name.name, known.iter().copied()).map(str::to_string);
        let loc = self.loc(name.span);
        let mut diagnostic = errors::unknown_field(loc, &name.name, ty, near.as_deref());
        if near.is_none() && !known.is_empty() {
            let more = if known.len() > errors::MOST_NAMED { ", …" } else { "" };
            let known = known.get(..errors::MOST_NAMED).unwrap_or(&known).join("`, `");
            diagnostic = diagnostic.help(format!("its fields are `{known}`{more}"));
        } else if matches!(name.name.as_str(), "length" | "len" | "size" | "count") {
            diagnostic = diagnostic.help("`len(…)` counts characters, elements or entries");
        } else if matches!(member, Type::List(_)) {
            diagnostic = diagnostic.help("it is a list: `first(xs)?.field`, or `[x.field for x in xs]`");
        } else if matches!(ty, Type::String(_)) {
            diagnostic = diagnostic.help(
                "it is a text: `parse_json(…) as { … }` reads JSON in it; where a tool gives it, a `tool` declaration \
                 with `-> { … }` does",
            );
        } else if !matches!(member, Type::Record(_)) && member != ty {
            diagnostic = diagnostic.help(format!("it can be `{}`, which has no fields", errors::brief(member)));
        } else if matches!(ty, Type::Union(_)) {
            diagnostic =
                diagnostic.help(format!("`{}` has none: tell the cases apart with `match`", errors::brief(member)));
        }
        self.report(diagnostic);
        Type::Broken
    }

    /// A field of the unknown: an error, or a warning where a tool declares no result.
    fn json_field(&mut self, base: &Expr, name: &Ident) -> Type {
        let loc = self.loc(name.span);
        match self.untyped_tool(base) {
            Some(tool) => {
                self.report(errors::untyped_result(loc, &tool, &name.name));
                Type::Json
            }
            None => {
                self.report(errors::field_of_json(loc, &name.name));
                Type::Broken
            }
        }
    }

    /// The tool without declared result that an expression reads from.
    pub(super) fn untyped_tool(&self, expr: &Expr) -> Option<EcoString> {
        match &expr.unparen().kind {
            ExprKind::Call { callee, .. } => match self.checker.program.callee(self.module, callee)? {
                super::program::Callee::Tool(tool) => {
                    (self.checker.program.tools.get(&tool)?.output == Type::Json).then_some(tool)
                }
                _ => None,
            },
            ExprKind::Name(name) => self.scope.get(&name.name)?.untyped.clone(),
            ExprKind::Field { base, .. } => self.untyped_tool(base),
            ExprKind::Claused { value, .. } => self.untyped_tool(value),
            _ => None,
        }
    }

    fn index(&mut self, base: &Expr, index: &Expr) -> Type {
        let base_ty = self.infer_claused(base, None, None);
        let head = self.checker.program.types.head(&base_ty).clone();
        match head {
            Type::List(element) => {
                self.expect(index, &Type::INT, "the place in a list");
                (*element).clone().nullable()
            }
            Type::Map(value) => {
                self.expect(index, &Type::STRING, "the key of a map");
                (*value).clone().nullable()
            }
            Type::Broken => {
                self.infer(index, None);
                Type::Broken
            }
            other => {
                self.infer(index, None);
                let loc = self.loc(base.span);
                self.report(errors::wants(loc, "`[…]`", "a list or a map, never null", &other));
                Type::Broken
            }
        }
    }

    fn list(&mut self, items: &[ListItem], expected: Option<&Type>) -> Type {
        let element = expected.and_then(|expected| self.element(expected));
        let mut found = Vec::new();
        for item in items {
            if !item.spread {
                found.push(self.infer_claused(&item.value, element.as_ref(), None));
                continue;
            }
            let wanted = element.clone().map(Type::list);
            let ty = self.infer_claused(&item.value, wanted.as_ref(), None);
            match self.checker.program.types.head(&ty) {
                Type::List(element) => found.push((**element).clone()),
                Type::Broken => found.push(Type::Broken),
                other => {
                    let diagnostic = errors::wants(self.loc(item.value.span), "`...` in a list", "a list", other);
                    self.report(diagnostic);
                }
            }
        }
        Type::list(super::ops::join_all(found, &self.checker.program.types))
    }

    /// A record literal. An expected record type tells undeclared fields, at the field.
    fn record(&mut self, entries: &[RecordEntry], expected: Option<&Type>) -> Type {
        let wanted = self.expected_records(expected);
        let mut fields: IndexMap<EcoString, FieldType> = IndexMap::new();
        let mut written: FxHashMap<&EcoString, Span> = FxHashMap::default();
        let mut broken = false;
        for entry in entries {
            match entry {
                RecordEntry::Field { name, value } => {
                    if let Some(first) = written.insert(&name.name, name.span) {
                        let (loc, first) = (self.loc(name.span), self.loc(first));
                        self.report(errors::duplicate_name(loc, &name.name, first));
                    }
                    self.check_declared(name, &wanted, expected);
                    let field = self.expected_field(&wanted, &name.name, expected);
                    let ty = match value {
                        Some(value) => self.infer_claused(value, field.as_ref(), None),
                        None => self.name(name),
                    };
                    fields.insert(name.name.clone(), FieldType { ty, optional: false, doc: None });
                }
                RecordEntry::Spread(value) => {
                    let ty = self.infer_claused(value, None, None);
                    broken |= !self.spread(value, &ty, &mut fields);
                }
            }
        }
        if broken {
            return Type::Broken;
        }
        Type::Record(Arc::new(RecordType { fields }))
    }

    fn spread(&mut self, value: &Expr, ty: &Type, fields: &mut IndexMap<EcoString, FieldType>) -> bool {
        match self.checker.program.types.head(ty) {
            Type::Record(record) => {
                let spread = record.fields.len();
                fields.reserve_exact(spread);
                for (name, field) in &record.fields {
                    fields.insert(name.clone(), field.clone());
                }
                let loc = self.loc(value.span);
                return self.checker.may_grow(loc, spread, super::types::A_FIELD);
            }
            Type::Broken => {}
            other => {
                let diagnostic =
                    errors::wants(self.loc(value.span), "`...` in a record", "a record, never null", other);
                self.report(diagnostic);
            }
        }
        false
    }

    pub(super) fn expected_records(&self, expected: Option<&Type>) -> Vec<Arc<RecordType>> {
        let Some(expected) = expected else { return Vec::new() };
        let members = self.checker.program.types.members(expected);
        members
            .into_iter()
            .filter_map(|member| match member {
                Type::Record(record) => Some(record.clone()),
                _ => None,
            })
            .collect()
    }

    fn expected_field(&self, wanted: &[Arc<RecordType>], name: &str, expected: Option<&Type>) -> Option<Type> {
        if let Some(Type::Map(value)) = expected.map(|expected| self.checker.program.types.head(expected)) {
            return Some((**value).clone());
        }
        let found: Vec<Type> =
            wanted.iter().filter_map(|record| record.fields.get(name)).map(|field| field.ty.clone()).collect();
        (!found.is_empty()).then(|| Type::union(found))
    }

    fn check_declared(&mut self, name: &Ident, wanted: &[Arc<RecordType>], expected: Option<&Type>) {
        let (Some(first), Some(expected)) = (wanted.first(), expected) else { return };
        let types = &self.checker.program.types;
        let open =
            types.members(expected).iter().any(|member| matches!(member, Type::Json | Type::Map(_) | Type::Broken));
        if open || wanted.iter().any(|record| record.fields.contains_key(&name.name)) {
            return;
        }
        let near = self.checker.near(&name.name, first.fields.keys().map(EcoString::as_str)).map(str::to_string);
        let loc = self.loc(name.span);
        self.report(errors::undeclared_field(
            loc,
            &name.name,
            &expected.non_null(&self.checker.program.types),
            near.as_deref(),
        ));
    }

    fn choose(&mut self, cond: &Expr, then: &Expr, otherwise: &Expr, expected: Option<&Type>) -> Type {
        self.condition(cond, "`if`");
        let mark = self.scope.enter();
        let facts = self.facts(cond, true);
        self.assume(cond.span, facts);
        let yes = self.infer_claused(then, expected, None);
        self.leave(mark);
        let mark = self.scope.enter();
        let facts = self.facts(cond, false);
        self.assume(cond.span, facts);
        let no = self.infer_claused(otherwise, expected, None);
        self.leave(mark);
        join(&yes, &no, &self.checker.program.types)
    }

    fn comprehension(
        &mut self,
        value: &Expr,
        var: &Ident,
        index: Option<&Ident>,
        source: &Expr,
        cond: Option<&Expr>,
        expected: Option<&Type>,
    ) -> Type {
        let element = self.element_of(source, "`for … in`");
        let mark = self.scope.enter();
        self.bind(var, element, false);
        if let Some(index) = index {
            self.bind(index, Type::INT, true);
        }
        if let Some(cond) = cond {
            self.condition(cond, "`if`");
            let facts = self.facts(cond, true);
            self.assume(cond.span, facts);
        }
        let wanted = expected.and_then(|expected| self.element(expected));
        let ty = self.infer(value, wanted.as_ref());
        self.leave(mark);
        Type::list(ty)
    }

    /// The element type of what a loop goes through.
    pub(super) fn element_of(&mut self, source: &Expr, what: &str) -> Type {
        let ty = self.infer_claused(source, None, None);
        match self.checker.program.types.head(&ty).clone() {
            Type::List(element) => (*element).clone(),
            Type::Broken => Type::Broken,
            other => {
                let loc = self.loc(source.span);
                let help = match &other {
                    Type::Map(_) => "go through `entries(…)`, `keys(…)` or `values(…)`",
                    Type::Json => "say what it is: `… as [T]`",
                    _ => "",
                };
                let diagnostic = errors::wants(loc, what, "a list, never null", &other);
                self.report(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
                Type::Broken
            }
        }
    }

    /// A condition is a truth value and nothing else.
    pub(super) fn condition(&mut self, cond: &Expr, what: &str) {
        let ty = self.infer(cond, Some(&Type::Bool));
        if fits(&ty, &Type::Bool, &self.checker.program.types).is_err() {
            let loc = self.loc(cond.span);
            let types = &self.checker.program.types;
            let help = match types.head(&ty) {
                _ if ty.has_null(types) => "compare it: `x != null`, or give a default: `x ?? false`",
                Type::List(_) => "compare its length: `len(xs) > 0`",
                _ => "compare it with something",
            };
            self.report(errors::wants(loc, what, "`true` or `false`", &ty).help(help));
            return;
        }
        self.check_constant(cond);
    }
}

/// The members of a union that nothing else holds: it was made just now.
fn made_members(ty: &Type) -> usize {
    match ty {
        Type::Union(members) if Arc::strong_count(members) == 1 => members.len(),
        Type::List(inner) | Type::Map(inner) | Type::Marked(_, inner) if Arc::strong_count(inner) == 1 => {
            made_members(inner)
        }
        _ => 0,
    }
}
