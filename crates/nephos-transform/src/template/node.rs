//! The tree of a template.

/// Something that is walked for its output.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Text(String),
    Action(Pipe),
    /// `if`, and every `else if`; the last list is the `else`.
    If(Vec<Branch>, Vec<Node>),
    With(Vec<Branch>, Vec<Node>),
    Range(Pipe, Vec<Node>, Vec<Node>),
    Template(usize, String, Option<Pipe>),
    Break,
    Continue,
}

/// A condition and what is walked where it holds.
pub(super) type Branch = (Pipe, Vec<Node>);

/// `$a, $b := command | command`
#[derive(Debug, Clone)]
pub(super) struct Pipe {
    pub(super) line: usize,
    pub(super) variables: Vec<String>,
    /// `=` instead of `:=`.
    pub(super) assigns: bool,
    pub(super) commands: Vec<Vec<Expr>>,
}

/// An operand of a command; the first may be called.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Field(Vec<String>),
    Variable(String, Vec<String>),
    Chain(Box<Expr>, Vec<String>),
    Pipe(Pipe),
    Function(Function),
}

macro_rules! functions {
    ($($name:literal => $variant:ident,)*) => {
        /// A function that templates may call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Function { $($variant,)* }

        impl Function {
            /// The function of that name.
            pub(super) fn of(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            /// Its name in templates.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// All names.
            pub(super) const NAMES: &'static [&'static str] = &[$($name,)*];
        }
    };
}

functions! {
    "and" => And,
    "call" => Call,
    "eq" => Eq,
    "ge" => Ge,
    "getRegexpAllMatches" => RegexpAllMatches,
    "getRegexpFirstMatch" => RegexpFirstMatch,
    "getXPath" => XPath,
    "getXPathAllOuter" => XPathAllOuter,
    "gt" => Gt,
    "html" => Html,
    "index" => Index,
    "js" => Js,
    "jsonMapFromString" => JsonMapFromString,
    "kindOf" => KindOf,
    "le" => Le,
    "len" => Len,
    "lt" => Lt,
    "ne" => Ne,
    "not" => Not,
    "or" => Or,
    "plus1" => Plus1,
    "print" => Print,
    "printf" => Printf,
    "println" => Println,
    "safeIndex" => SafeIndex,
    "separator" => Separator,
    "slice" => Slice,
    "toBool" => ToBool,
    "toInt" => ToInt,
    "toJson" => ToJson,
    "urlquery" => UrlQuery,
}
