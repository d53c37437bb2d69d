package verify

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Bounds of what an expansion may give: an image's Env can be large, and a text can repeat it.
const (
	maxWords = 4096
	maxValue = 64 << 10
)

// scope answers the expansions of a shell text as far as the image can: variables from the image's Env and from the
// text itself, and the shell's arguments.
type scope struct {
	vars   map[string]string
	params []string // $0, $1, …
}

// argv expands the words of a command. whole is false if it ends at a word that the image cannot answer.
func (s scope) argv(words []*syntax.Word) (argv []string, whole bool) {
	for _, word := range words {
		fields, ok := s.fields(word)
		if !ok || len(argv)+len(fields) > maxWords {
			return argv, false
		}
		argv = append(argv, fields...)
	}
	return argv, true
}

// fields expands one word. Globs and braces stay as they are: they do not occur in names of programs.
func (s scope) fields(word *syntax.Word) ([]string, bool) {
	if isAllParams(word) {
		return s.params[min(1, len(s.params)):], true
	}
	if len(word.Parts) == 1 {
		if exp, ok := word.Parts[0].(*syntax.ParamExp); ok {
			value, ok := s.param(exp)
			return strings.Fields(value), ok
		}
	}
	text, ok := s.join(word.Parts, false)
	return []string{text}, ok
}

// isAllParams reports whether a word is $@ or "$@": one field for each argument.
func isAllParams(word *syntax.Word) bool {
	parts := word.Parts
	if len(parts) == 1 {
		if quoted, ok := parts[0].(*syntax.DblQuoted); ok {
			parts = quoted.Parts
		}
	}
	if len(parts) != 1 {
		return false
	}
	exp, ok := parts[0].(*syntax.ParamExp)
	return ok && isPlain(exp) && exp.Exp == nil && exp.Param.Value == "@"
}

// join expands the parts of a word to one text.
func (s scope) join(parts []syntax.WordPart, quoted bool) (string, bool) {
	var b strings.Builder
	for _, part := range parts {
		text, ok := s.part(part, quoted)
		if !ok {
			return "", false
		}
		b.WriteString(text)
		if b.Len() > maxValue {
			return "", false
		}
	}
	return b.String(), true
}

func (s scope) part(part syntax.WordPart, quoted bool) (string, bool) {
	switch part := part.(type) {
	case *syntax.Lit:
		return unescape(part.Value, quoted), true
	case *syntax.SglQuoted:
		return part.Value, !part.Dollar
	case *syntax.DblQuoted:
		return s.join(part.Parts, true)
	case *syntax.ParamExp:
		value, ok := s.param(part)
		if !quoted && strings.ContainsAny(value, " \t\n") {
			return "", false // it would be split into fields in the middle of a word
		}
		return value, ok
	}
	return "", false
}

// unescape removes the backslashes that the shell removes. In double quotes it keeps those in front of ordinary
// characters.
func unescape(text string, quoted bool) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (!quoted || strings.IndexByte("$`\"\\\n", text[i+1]) >= 0) {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// isPlain reports whether an expansion is $x, ${x}, ${x-text} or ${x:-text}.
func isPlain(exp *syntax.ParamExp) bool {
	special := exp.Excl || exp.Length || exp.Width || exp.IsSet || exp.Index != nil || exp.Slice != nil ||
		exp.Repl != nil || exp.Names != 0 || exp.Flags != nil || exp.NestedParam != nil || len(exp.Modifiers) > 0
	return !special && exp.Param != nil
}

func (s scope) param(exp *syntax.ParamExp) (string, bool) {
	if !isPlain(exp) {
		return "", false
	}
	value, ok := s.variable(exp.Param.Value)
	if len(value) > maxValue {
		return "", false
	}
	if exp.Exp == nil {
		return value, ok
	}
	switch exp.Exp.Op {
	case syntax.DefaultUnset:
	case syntax.DefaultUnsetOrNull:
		ok = ok && value != ""
	default:
		return "", false
	}
	if ok || exp.Exp.Word == nil {
		return value, true
	}
	return s.join(exp.Exp.Word.Parts, true)
}

func (s scope) variable(name string) (string, bool) {
	if len(name) == 1 && name[0] >= '0' && name[0] <= '9' {
		if i := int(name[0] - '0'); i < len(s.params) {
			return s.params[i], true
		}
		return "", false
	}
	value, ok := s.vars[name]
	return value, ok
}

// assign sets variables. A value that cannot be known makes the variable unknown.
func (s scope) assign(assigns []*syntax.Assign) {
	for _, a := range assigns {
		if a.Name == nil || a.Naked {
			continue
		}
		value, ok := "", a.Array == nil && a.Index == nil && !a.Append
		if ok && a.Value != nil {
			value, ok = s.join(a.Value.Parts, true)
		}
		if ok {
			s.vars[a.Name.Value] = value
		} else {
			delete(s.vars, a.Name.Value)
		}
	}
}
