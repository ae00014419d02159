//! Render targets: lexer, parser and syntax tree, and the grammar of times.
