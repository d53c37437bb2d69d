package metadata

import (
	"fmt"
	"strings"

	"github.com/mailgun/raymond/v2/ast"
	"github.com/mailgun/raymond/v2/parser"
)

// scope is what a template's names mean: values of type string, int, bool or []any, or functions.
type scope map[string]any

// function is a name of a scope that computes a value. In a template it is called as {{name 'parameter' key='value'}}.
type function func(parameters []any, named map[string]any) (any, error)

// render fills in a template in the language of Handlebars, with its built-in helpers if, unless, each, with and lookup. As there,
// unknown names are empty, an unknown name with parameters is an error, and {{x}} escapes what HTML would not take, which becomes
// part of a tag like anything else.
func render(template string, names scope) (string, error) {
	program, err := parser.Parse(template)
	if err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
		return "", fmt.Errorf("%q is no template of Handlebars: %s", template, first)
	}
	return renderer{contexts: []any{names}, root: names}.program(program)
}

// isRaw reports whether a template is {{raw}} and nothing else.
func isRaw(template string) bool {
	program, err := parser.Parse(template)
	if err != nil || len(program.Body) != 1 {
		return false
	}
	statement, ok := program.Body[0].(*ast.MustacheStatement)
	if !ok {
		return false
	}
	path, ok := statement.Expression.Path.(*ast.PathExpression)
	return ok && len(path.Parts) == 1 && path.Parts[0] == "raw"
}

type renderer struct {
	contexts []any // the innermost last
	root     scope
}

func (r renderer) program(program *ast.Program) (string, error) {
	if program == nil {
		return "", nil
	}
	var b strings.Builder
	for _, node := range program.Body {
		text, err := r.statement(node)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

func (r renderer) statement(node ast.Node) (string, error) {
	switch node := node.(type) {
	case *ast.ContentStatement:
		return node.Value, nil
	case *ast.CommentStatement:
		return "", nil
	case *ast.MustacheStatement:
		value, err := r.call(node.Expression)
		if err != nil {
			return "", err
		}
		if node.Unescaped {
			return textOf(value), nil
		}
		return escape.Replace(textOf(value)), nil
	case *ast.BlockStatement:
		return r.block(node)
	}
	return "", fmt.Errorf("there are no partial templates here")
}

// escape is what Handlebars does to text in {{x}} (https://handlebarsjs.com/guide/#html-escaping).
var escape = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#x27;", "`", "&#x60;", "=", "&#x3D;",
)

func textOf(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case []any:
		parts := make([]string, len(value))
		for i, part := range value {
			parts[i] = textOf(part)
		}
		return strings.Join(parts, ",")
	case scope:
		return "[object Object]"
	}
	return fmt.Sprint(value)
}

// call gives an expression's value.
func (r renderer) call(e *ast.Expression) (any, error) {
	name := nameOf(e.Path)
	parameters, named, err := r.arguments(e)
	if err != nil {
		return nil, err
	}
	if name == "lookup" && len(parameters) == 2 {
		return member(parameters[0], textOf(parameters[1])), nil
	}
	value := r.value(e.Path)
	if call, ok := value.(function); ok {
		return call(parameters, named)
	}
	if value == nil && len(parameters) > 0 {
		return nil, fmt.Errorf("there is no function %q", name)
	}
	return value, nil
}

// arguments evaluates what stands behind an expression's name. Functions are passed on as they are.
func (r renderer) arguments(e *ast.Expression) (parameters []any, named map[string]any, err error) {
	for _, node := range e.Params {
		value, err := r.argument(node)
		if err != nil {
			return nil, nil, err
		}
		parameters = append(parameters, value)
	}
	named = map[string]any{}
	if e.Hash != nil {
		for _, pair := range e.Hash.Pairs {
			if named[pair.Key], err = r.argument(pair.Val); err != nil {
				return nil, nil, err
			}
		}
	}
	return parameters, named, nil
}

func (r renderer) argument(node ast.Node) (any, error) {
	if sub, ok := node.(*ast.SubExpression); ok {
		return r.call(sub.Expression)
	}
	value := r.value(node)
	if call, ok := value.(function); ok {
		return call(nil, nil)
	}
	return value, nil
}

// value finds what a path or a literal means.
func (r renderer) value(node ast.Node) any {
	switch node := node.(type) {
	case *ast.StringLiteral:
		return node.Value
	case *ast.BooleanLiteral:
		return node.Value
	case *ast.NumberLiteral:
		return node.Original
	case *ast.PathExpression:
		depth := len(r.contexts) - 1 - node.Depth
		if depth < 0 {
			return nil
		}
		value, parts := r.contexts[depth], node.Parts
		if node.Data {
			if len(parts) == 0 || parts[0] != "root" {
				return nil
			}
			value, parts = any(r.root), parts[1:]
		}
		for _, part := range parts {
			value = member(value, part)
		}
		return value
	}
	return nil
}

// member returns a part of a value: of a list by its number, of a scope by its name.
func member(value any, name string) any {
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	switch value := value.(type) {
	case scope:
		return value[name]
	case []any:
		if name == "length" {
			return len(value)
		}
		for i := range value {
			if fmt.Sprint(i) == name {
				return value[i]
			}
		}
	}
	return nil
}

func nameOf(node ast.Node) string {
	if path, ok := node.(*ast.PathExpression); ok && !path.Data && path.Depth == 0 {
		return strings.Join(path.Parts, ".")
	}
	return ""
}

func (r renderer) block(node *ast.BlockStatement) (string, error) {
	parameters, _, err := r.arguments(node.Expression)
	if err != nil {
		return "", err
	}
	var subject any
	name := nameOf(node.Expression.Path)
	switch name {
	case "if", "unless", "each", "with":
		if len(parameters) != 1 {
			return "", fmt.Errorf("#%s takes one argument", name)
		}
		subject = parameters[0]
	default:
		if subject, err = r.call(node.Expression); err != nil {
			return "", err
		}
	}
	holds := truth(subject)
	if name == "unless" {
		holds = !holds
	}
	if !holds {
		return r.program(node.Inverse)
	}
	return r.holding(name, subject, node.Program)
}

// holding renders the inside of a block whose condition holds.
func (r renderer) holding(name string, subject any, inside *ast.Program) (string, error) {
	list, isList := subject.([]any)
	switch {
	case name == "if" || name == "unless" || name == "" && !isList:
		return r.program(inside)
	case name == "with" || !isList && name != "each":
		if name != "with" {
			if _, isScope := subject.(scope); !isScope {
				return r.program(inside)
			}
		}
		return r.inside(subject, inside)
	}
	var b strings.Builder
	for _, element := range list {
		text, err := r.inside(element, inside)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

func (r renderer) inside(context any, program *ast.Program) (string, error) {
	deeper := append(append([]any{}, r.contexts...), context)
	return renderer{contexts: deeper, root: r.root}.program(program)
}

// truth is what JavaScript takes for true, but for an empty list.
func truth(value any) bool {
	switch value := value.(type) {
	case nil:
		return false
	case bool:
		return value
	case string:
		return value != ""
	case int:
		return value != 0
	case []any:
		return len(value) > 0
	}
	return true
}
