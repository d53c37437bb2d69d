package runner

import (
	"errors"
	"strings"
)

// Pair is an output, a state or a variable.
type Pair struct{ Name, Value string }

var errBadFile = errors.New("the runner refuses this file")

// Pairs reads a file of outputs, state or variables: NAME=VALUE, or NAME<<DELIMITER, lines, DELIMITER. Lines end with \n.
func Pairs(text string) ([]Pair, error) {
	var out []Pair
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		equals, heredoc := strings.Index(lines[i], "="), strings.Index(lines[i], "<<")
		switch {
		case lines[i] == "":
		case equals >= 0 && (heredoc < 0 || equals < heredoc):
			out = append(out, Pair{lines[i][:equals], lines[i][equals+1:]})
		case heredoc > 0:
			name, delimiter := lines[i][:heredoc], lines[i][heredoc+2:]
			start := i + 1
			for i++; i < len(lines) && lines[i] != delimiter; i++ {
			}
			if i == len(lines) || delimiter == "" {
				return nil, errBadFile
			}
			out = append(out, Pair{name, strings.Join(lines[start:i], "\n")})
		default:
			return nil, errBadFile
		}
	}
	return out, nil
}
