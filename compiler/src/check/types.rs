//! Types where they are written, to types.

use super::Checker;
use super::errors;
use super::program::{Entity, Param};
use crate::registry::{Tool, ToolParam, ToolSource};
use ecow::EcoString;
use rust_decimal::Decimal;
use std::str::FromStr;
use std::sync::Arc;
use weir_lang::ast::{Expr, ExprKind, FieldDecl, Lit, Mark, Path, ToolAttr, ToolDecl, TypeExpr, TypeExprKind, UnaryOp};
use weir_lang::parse::MAX_NESTING;
use weir_lang::span::{Loc, Span};
use weir_lang::types::{FieldType, Literal, Range, RecordType, Type, Work};

/// Longest time of an attempt when nothing else is said.
pub const DEFAULT_TIMEOUT_MS: u64 = 30_000;

/// Records and unions of more fields or members than this are counted where an expression makes one.
const FEW: usize = 8;
/// A field takes some four times as much memory as a member of a union.
pub(super) const A_FIELD: usize = 4;
/// The most of them that all expressions may make together, beside one for each letter of the project.
const MOST_GROWN: usize = 400_000;
/// The most errors, and the most warnings, beside one for each 64 letters of the project: nobody reads more.
const MOST_TOLD: usize = 20_000;
/// The most comparisons of members of wide unions, beside one for each letter of the project.
const MOST_COMPARED: usize = 2_000_000;

const BASE: [&str; 9] = ["string", "int", "number", "decimal", "bool", "json", "time", "date", "duration"];

impl Checker {
    /// Resolves every declared type into the table.
    pub(super) fn collect_types(&mut self) {
        let places: Vec<(EcoString, super::program::ItemRef)> =
            self.type_places.iter().map(|(name, at)| (name.clone(), *at)).collect();
        for (name, _) in &places {
            self.ensure_type(name);
        }
        self.break_circles(&places);
        self.break_chains(&places);
        self.report_empty_types(&places);
    }

    /// The places of the names that each type consists of, with nothing around them.
    fn bare_parts(&self, places: &[(EcoString, super::program::ItemRef)]) -> Vec<Vec<usize>> {
        let number: rustc_hash::FxHashMap<&EcoString, usize> =
            places.iter().enumerate().map(|(at, (name, _))| (name, at)).collect();
        let parts = |(name, _): &(EcoString, super::program::ItemRef)| {
            let mut names = Vec::new();
            if let Some(ty) = self.program.types.types.get(name) {
                bare_names(ty, &mut names);
            }
            names.into_iter().filter_map(|name| number.get(name).copied()).collect()
        };
        places.iter().map(parts).collect()
    }

    /// A type that is itself with nothing around it (`type A = A | null`) stands for no value.
    fn break_circles(&mut self, places: &[(EcoString, super::program::ItemRef)]) {
        let parts = self.bare_parts(places);
        let bare = |at: usize| parts.get(at).cloned().unwrap_or_default();
        for circle in super::graphs::cycles(places.len(), bare) {
            let mut names = Vec::new();
            for (name, at) in circle.iter().filter_map(|at| places.get(*at)) {
                names.push((name.clone(), *at));
                self.program.types.types.insert(name.clone(), Type::Broken);
            }
            if let Some((name, at)) = names.first()
                && let Some(weir_lang::ast::ItemKind::Type(decl)) = self.program.item(*at).map(|item| &item.kind)
            {
                let loc = self.program.loc(at.module, decl.name.span);
                self.report(errors::type_of_itself(loc, name));
            }
        }
    }

    /// A name for a name for a name, and so on: nobody can follow it, and to look through it would take long.
    fn break_chains(&mut self, places: &[(EcoString, super::program::ItemRef)]) {
        let parts = self.bare_parts(places);
        let bare = |at: usize| parts.get(at).cloned().unwrap_or_default();
        let mut depth = vec![0_usize; places.len()];
        let mut deep = Vec::new();
        for at in super::graphs::groups(places.len(), bare).into_iter().flatten() {
            let below = bare(at).into_iter().filter_map(|to| depth.get(to)).max().map_or(0, |most| most + 1);
            if let Some(slot) = depth.get_mut(at) {
                *slot = if below > MAX_NESTING { 0 } else { below };
            }
            if below > MAX_NESTING {
                deep.push(at);
            }
        }
        for (count, (name, at)) in deep.into_iter().filter_map(|at| places.get(at)).enumerate() {
            self.program.types.types.insert(name.clone(), Type::Broken);
            if count == 0
                && let Some(weir_lang::ast::ItemKind::Type(decl)) = self.program.item(*at).map(|item| &item.kind)
            {
                let loc = self.program.loc(at.module, decl.name.span);
                self.report(errors::type_chain(loc, name, MAX_NESTING));
            }
        }
    }

    /// Resolves a declared type now; a type that needs itself to be known is broken.
    fn ensure_type(&mut self, full: &EcoString) {
        if self.program.types.types.contains_key(full) || self.types_open.contains(full) {
            return;
        }
        let Some(at) = self.type_places.get(full).copied() else { return };
        let ast = self.program.ast(at.module);
        let Some(weir_lang::ast::ItemKind::Type(decl)) = ast.items.get(at.item).map(|item| &item.kind) else { return };
        self.types_open.push(full.clone());
        let ty = self.resolve_type(at.module, &decl.ty);
        self.types_open.pop();
        self.program.types.types.insert(full.clone(), ty);
    }

    /// The type that a type expression stands for, seen from a module.
    pub(super) fn resolve_type(&mut self, module: usize, ty: &TypeExpr) -> Type {
        match &ty.kind {
            TypeExprKind::Name(path) => self.resolve_name(module, path),
            TypeExprKind::Literal(lit) => literal_type(lit),
            TypeExprKind::List(element) => Type::list(self.resolve_type(module, element)),
            TypeExprKind::Map(value) => Type::map(self.resolve_type(module, value)),
            TypeExprKind::Record(fields) => self.resolve_record(module, fields),
            TypeExprKind::Union(members) => {
                let members: Vec<Type> = members.iter().map(|member| self.resolve_type(module, member)).collect();
                Type::union(members)
            }
            TypeExprKind::Intersection(members) => self.resolve_intersection(module, members),
            TypeExprKind::Nullable(inner) => self.resolve_type(module, inner).nullable(),
            TypeExprKind::Matching(base, regex) => self.resolve_matching(module, base, regex.pattern.clone()),
            TypeExprKind::Within(base, lo, hi) => self.resolve_within(module, base, lo.as_deref(), hi.as_deref()),
            TypeExprKind::Marked(mark, inner) => Type::Marked(*mark, Arc::new(self.resolve_type(module, inner))),
            TypeExprKind::Paren(inner) => self.resolve_type(module, inner),
            TypeExprKind::Error => Type::Broken,
        }
    }

    fn resolve_name(&mut self, module: usize, path: &Path) -> Type {
        if let [name] = path.parts.as_slice() {
            if let Some(base) = Type::base_named(&name.name) {
                return base;
            }
            match self.program.entity(module, &name.name) {
                Some(Entity::Type(full)) if full.is_empty() => return Type::Broken,
                Some(Entity::Type(full)) => return Type::Named(full.clone()),
                _ => {}
            }
            if matches!(name.name.as_str(), "Error" | "Envelope") {
                return Type::Named(name.name.clone());
            }
        } else if let Some(found) = self.resolve_path(module, path) {
            return found;
        }
        let text = path.text();
        let scope = self.program.modules.get(module).map(|module| &module.scope);
        let types = scope.into_iter().flatten().filter(|(_, entity)| matches!(entity, Entity::Type(_)));
        let known = types.map(|(name, _)| name.as_str()).chain(BASE);
        let near = self.near(&text, known).map(str::to_string);
        let loc = self.program.loc(module, path.span);
        self.report(errors::unknown_type(loc, &text, near.as_deref()));
        Type::Broken
    }

    /// `leads.intake.Lead`, `intake.Lead`, `crm.search.input`.
    fn resolve_path(&mut self, module: usize, path: &Path) -> Option<Type> {
        let (last, front) = path.parts.split_last()?;
        let front_text = Path { parts: front.to_vec(), span: path.span }.text();
        let other = match (front, front.first().and_then(|first| self.program.entity(module, &first.name))) {
            ([_], Some(Entity::Module(other))) => Some(*other),
            _ => self.program.module_named(&front_text),
        };
        if let Some(other) = other
            && let Some(Entity::Type(full)) = self.program.entity(other, &last.name)
        {
            return Some(Type::Named(full.clone()));
        }
        let super::program::Callee::Tool(tool) = self.program.tool_named(&front_text)? else { return None };
        let tool = self.program.tools.get(&tool)?;
        match last.name.as_str() {
            "output" => Some(tool.output.clone()),
            "input" => Some(input_type(tool)),
            own => {
                let full = ecow::eco_format!("{}.{own}", tool.name);
                self.program.types.types.contains_key(&full).then_some(Type::Named(full))
            }
        }
    }

    fn resolve_record(&mut self, module: usize, fields: &[FieldDecl]) -> Type {
        let mut record = RecordType::default();
        for field in fields {
            let ty = self.resolve_type(module, &field.ty);
            let decl = FieldType { ty, optional: field.optional, doc: field.doc.clone() };
            if record.fields.insert(field.name.name.clone(), decl).is_some() {
                let first = fields.iter().find(|other| other.name.name == field.name.name);
                let loc = self.program.loc(module, field.name.span);
                let first = first.map_or(loc, |first| self.program.loc(module, first.name.span));
                self.report(errors::duplicate_name(loc, &field.name.name, first));
            }
        }
        Type::Record(Arc::new(record))
    }

    fn resolve_intersection(&mut self, module: usize, members: &[TypeExpr]) -> Type {
        let mut joined = RecordType::default();
        for member in members {
            let ty = self.resolve_type(module, member);
            if let Type::Named(full) = &ty {
                let full = full.clone();
                if self.types_open.len() > MAX_NESTING {
                    let loc = self.program.loc(module, member.span);
                    self.report(errors::type_chain(loc, &full, MAX_NESTING));
                    return Type::Broken;
                }
                self.ensure_type(&full);
            }
            match self.program.types.head(&ty).clone() {
                Type::Record(record) => {
                    let loc = self.program.loc(module, member.span);
                    if !self.may_grow(loc, record.fields.len(), A_FIELD) {
                        return Type::Broken;
                    }
                    for (name, field) in &record.fields {
                        self.join_field(module, member.span, &mut joined, name, field);
                    }
                }
                Type::Broken => return Type::Broken,
                other => {
                    let loc = self.program.loc(module, member.span);
                    self.report(errors::wants(loc, "`&`", "records", &other));
                    return Type::Broken;
                }
            }
        }
        Type::Record(Arc::new(joined))
    }

    /// Whether a type of so many fields or members may be made. Records that are spread again and again, and unions to
    /// which each line adds a member, would fill the memory: that is told once, and gives nothing more to keep.
    pub(super) fn may_grow(&mut self, loc: Loc, parts: usize, each: usize) -> bool {
        if parts <= FEW {
            return true;
        }
        let most = self.most_grown;
        let before = self.grown;
        self.grown = before.saturating_add(parts.saturating_mul(each));
        if before <= most && self.grown > most {
            self.report(errors::types_too_large(loc, most));
        }
        self.grown <= most
    }

    /// Whether types have grown too far, so that nothing more is found out about them.
    pub(super) fn overgrown(&self) -> bool {
        self.grown > self.most_grown
    }

    /// How far types may grow, and what comparing wide unions may cost, in a project of so many letters.
    pub(super) fn limit_types(&mut self, letters: usize) {
        self.most_told = MOST_TOLD.saturating_add(letters / 64);
        self.most_grown = MOST_GROWN.saturating_add(letters);
        self.program.types.work = Work::at_most(MOST_COMPARED.saturating_add(letters));
    }

    /// Tells once that no more wide unions are compared.
    pub(super) fn check_work(&mut self, loc: Loc) {
        if self.program.types.work.is_spent() && !self.tired {
            self.tired = true;
            self.report(errors::unions_too_wide(loc));
        }
    }

    fn join_field(&mut self, module: usize, span: Span, into: &mut RecordType, name: &EcoString, field: &FieldType) {
        match into.fields.get_mut(name) {
            None => {
                into.fields.insert(name.clone(), field.clone());
            }
            Some(had) if had.ty == field.ty => had.optional &= field.optional,
            Some(had) => {
                let message = format!("both sides of `&` have a field `{name}`: `{}` and `{}`", had.ty, field.ty);
                let loc = self.program.loc(module, span);
                let diagnostic =
                    weir_lang::diagnostic::Diagnostic::new(weir_lang::rules::Rule::TypeMismatch, loc, message);
                self.report(diagnostic.help("rename one, or give both the same type"));
            }
        }
    }

    fn resolve_matching(&mut self, module: usize, base: &TypeExpr, pattern: EcoString) -> Type {
        match self.resolve_type(module, base) {
            Type::String(_) => Type::String(Some(pattern)),
            Type::Broken => Type::Broken,
            other => {
                let loc = self.program.loc(module, base.span);
                self.report(errors::wants(loc, "`matching`", "`string` before it", &other));
                Type::Broken
            }
        }
    }

    fn resolve_within(&mut self, module: usize, base: &TypeExpr, lo: Option<&Expr>, hi: Option<&Expr>) -> Type {
        let range = Range { lo: self.bound(module, lo), hi: self.bound(module, hi) };
        if let (Some(lo), Some(hi)) = (range.lo, range.hi)
            && lo > hi
        {
            let loc = self.program.loc(module, base.span);
            self.report(
                errors::invalid_constant(loc, format!("no number lies in `{lo}..{hi}`")).help("swap the bounds"),
            );
        }
        match self.resolve_type(module, base) {
            Type::Int(_) => Type::Int(range),
            Type::Number(_) => Type::Number(range),
            Type::Decimal(_) => Type::Decimal(range),
            Type::Broken => Type::Broken,
            other => {
                let loc = self.program.loc(module, base.span);
                self.report(errors::wants(loc, "`in lo..hi`", "`int`, `number` or `decimal` before it", &other));
                Type::Broken
            }
        }
    }

    fn bound(&mut self, module: usize, expr: Option<&Expr>) -> Option<Decimal> {
        let expr = expr?;
        let found = constant_number(expr);
        if found.is_none() {
            let named = match &expr.kind {
                ExprKind::Name(name) => self.named_number(module, &name.name),
                _ => None,
            };
            if named.is_some() {
                return named;
            }
            let loc = self.program.loc(module, expr.span);
            self.report(errors::not_constant(loc, "a bound"));
        }
        found
    }

    fn named_number(&self, module: usize, name: &str) -> Option<Decimal> {
        let Some(Entity::Const(place)) = self.program.entity(module, name) else { return None };
        constant_number(&self.program.const_ast(*place)?.1.value)
    }

    /// A tool from its declaration.
    pub(super) fn tool(&mut self, module: usize, decl: &ToolDecl, doc: Option<EcoString>, source: ToolSource) -> Tool {
        let params = self.params(module, &decl.params);
        let docs: Vec<Option<EcoString>> = decl.params.iter().map(|param| param.doc.clone()).collect();
        let mut tool = Tool {
            name: decl.path.text(),
            doc,
            params: params.into_iter().zip(docs).map(|(param, doc)| tool_param(param, doc)).collect(),
            output: decl.returns.as_ref().map_or(Type::Json, |ty| self.resolve_type(module, ty)),
            capabilities: Vec::new(),
            idempotent: false,
            accepts_key: None,
            untrusted: false,
            timeout_ms: DEFAULT_TIMEOUT_MS,
            cost: 0.0,
            codes: Vec::new(),
            errors: Default::default(),
            policy: None,
            source,
            definition: None,
            http: None,
        };
        for attr in &decl.attrs {
            self.tool_attr(module, &mut tool, attr);
        }
        tool
    }

    fn tool_attr(&mut self, module: usize, tool: &mut Tool, attr: &ToolAttr) {
        match attr {
            ToolAttr::Can(capabilities) => tool.capabilities = self.capabilities(module, capabilities),
            ToolAttr::Idempotent(_) => tool.idempotent = true,
            ToolAttr::Timeout(expr) => {
                tool.timeout_ms = self.constant_ms(module, expr, "`timeout`").unwrap_or(DEFAULT_TIMEOUT_MS);
            }
            ToolAttr::AcceptsKey(name) => {
                if tool.params.shift_remove(&name.name).is_none() {
                    let near = self.near(&name.name, tool.params.keys().map(EcoString::as_str)).map(str::to_string);
                    let loc = self.program.loc(module, name.span);
                    self.report(errors::unknown_argument(loc, &tool.name, &name.name, near.as_deref(), ""));
                }
                tool.accepts_key = Some(name.name.clone());
            }
            ToolAttr::Costs(expr) => match constant_number(expr).and_then(|cost| f64::try_from(cost).ok()) {
                Some(cost) if cost >= 0.0 => tool.cost = cost,
                _ => {
                    let loc = self.program.loc(module, expr.span);
                    self.report(errors::not_constant(loc, "`costs`"));
                }
            },
            ToolAttr::Fails(codes) => tool.codes.extend(codes.iter().map(|code| code.name.clone())),
        }
    }
}

/// The names that a type is, with no record, list or map around them.
fn bare_names<'t>(ty: &'t Type, out: &mut Vec<&'t EcoString>) {
    match ty {
        Type::Named(name) => out.push(name),
        Type::Union(members) => members.iter().for_each(|member| bare_names(member, out)),
        Type::Marked(_, inner) => bare_names(inner, out),
        _ => {}
    }
}

fn tool_param(param: Param, doc: Option<EcoString>) -> (EcoString, ToolParam) {
    let (ty, trusted) = match &param.ty {
        Type::Marked(Mark::Trusted, inner) => ((**inner).clone(), true),
        _ => (param.ty.clone(), false),
    };
    (param.name, ToolParam { ty, optional: param.optional, trusted, doc })
}

/// The record of a tool's parameters.
pub fn input_type(tool: &Tool) -> Type {
    let fields = tool.params.iter().map(|(name, param)| {
        (name.clone(), FieldType { ty: param.ty.clone(), optional: param.optional, doc: param.doc.clone() })
    });
    Type::Record(Arc::new(RecordType { fields: fields.collect() }))
}

/// The type of a literal.
pub fn literal_type(lit: &Lit) -> Type {
    match lit {
        Lit::Null => Type::Null,
        Lit::Bool(value) => Type::Literal(Literal::Bool(*value)),
        Lit::Int(value) => Type::Literal(Literal::Int(*value)),
        Lit::Number(text) => decimal(text).map_or(Type::NUMBER, |value| Type::Literal(Literal::Number(value))),
        Lit::String(text) => Type::Literal(Literal::String(text.clone())),
        Lit::Duration(_) => Type::Duration,
        Lit::Percent(_) => Type::NUMBER,
    }
}

/// A number's text, exactly.
pub fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

/// A number written out, with its sign.
pub fn constant_number(expr: &Expr) -> Option<Decimal> {
    match &expr.unparen().kind {
        ExprKind::Lit(Lit::Int(value)) => Some(Decimal::from(*value)),
        ExprKind::Lit(Lit::Number(text)) => decimal(text),
        ExprKind::Unary { op: UnaryOp::Neg, operand } => constant_number(operand).map(|value| -value),
        _ => None,
    }
}
