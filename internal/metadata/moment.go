package metadata

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// formatTime writes a time in a format of moment.js with its English locale (https://momentjs.com/docs/#/displaying/format/). What
// stands in brackets, or after a backslash, is written as it is.
func formatTime(t time.Time, format string) string {
	var b strings.Builder
	for format != "" {
		if text, rest, ok := bracketed(format); ok {
			b.WriteString(text)
			format = rest
			continue
		}
		escaped := format[0] == '\\'
		token := longestToken(strings.TrimPrefix(format, `\`))
		switch {
		case token == "":
			if !escaped {
				b.WriteByte(format[0])
			}
			format = format[1:]
			continue
		case escaped:
			b.WriteString(token)
			format = format[1:]
		case layouts[token] != "":
			b.WriteString(formatTime(t, layouts[token]))
		default:
			b.WriteString(momentTokens[token](t))
		}
		format = format[len(token):]
	}
	return b.String()
}

// bracketed cuts [text] from the beginning of a format: up to the last bracket that closes before another one opens.
func bracketed(format string) (text, rest string, ok bool) {
	if format[0] != '[' {
		return "", "", false
	}
	within := format[1:]
	if another := strings.IndexByte(within, '['); another >= 0 {
		within = within[:another]
	}
	end := strings.LastIndexByte(within, ']')
	if end < 0 {
		return "", "", false
	}
	return within[:end], format[end+2:], true
}

func longestToken(format string) string {
	const longest = 9
	for n := min(longest, len(format)); n > 0; n-- {
		if momentTokens[format[:n]] != nil || layouts[format[:n]] != "" {
			return format[:n]
		}
	}
	return ""
}

// layouts are formats that have a name.
var layouts = map[string]string{
	"LT": "h:mm A", "LTS": "h:mm:ss A",
	"L": "MM/DD/YYYY", "LL": "MMMM D, YYYY", "LLL": "MMMM D, YYYY h:mm A", "LLLL": "dddd, MMMM D, YYYY h:mm A",
	"l": "M/D/YYYY", "ll": "MMM D, YYYY", "lll": "MMM D, YYYY h:mm A", "llll": "ddd, MMM D, YYYY h:mm A",
}

// momentTokens are the tokens with one meaning each. Fractions of a second are added below.
var momentTokens = map[string]func(time.Time) string{
	"M": number(month), "Mo": ordinal(month), "MM": padded(2, month), "MMM": layout("Jan"), "MMMM": layout("January"),
	"Q": number(quarter), "Qo": ordinal(quarter),
	"D": number(time.Time.Day), "Do": ordinal(time.Time.Day), "DD": padded(2, time.Time.Day),
	"DDD": number(time.Time.YearDay), "DDDo": ordinal(time.Time.YearDay), "DDDD": padded(3, time.Time.YearDay),
	"d": number(weekday), "do": ordinal(weekday), "dd": func(t time.Time) string { return t.Format("Mon")[:2] },
	"ddd": layout("Mon"), "dddd": layout("Monday"), "e": number(weekday), "E": number(isoWeekday),
	"w": number(week), "wo": ordinal(week), "ww": padded(2, week),
	"W": number(isoWeek), "Wo": ordinal(isoWeek), "WW": padded(2, isoWeek),
	"YY": layout("06"), "YYYY": padded(4, time.Time.Year), "YYYYY": padded(5, time.Time.Year),
	"Y": padded(4, time.Time.Year), "YYYYYY": func(t time.Time) string { return fmt.Sprintf("%+07d", t.Year()) },
	"y": number(time.Time.Year), "yo": ordinal(time.Time.Year), "yy": padded(2, time.Time.Year), "yyy": padded(3, time.Time.Year), "yyyy": padded(4, time.Time.Year),
	"N": text("AD"), "NN": text("AD"), "NNN": text("AD"), "NNNN": text("Anno Domini"), "NNNNN": text("AD"),
	"gg": func(t time.Time) string { return fmt.Sprintf("%02d", weekYear(t)%100) }, "gggg": padded(4, weekYear), "ggggg": padded(5, weekYear),
	"GG": func(t time.Time) string { return fmt.Sprintf("%02d", isoYear(t)%100) }, "GGGG": padded(4, isoYear), "GGGGG": padded(5, isoYear),
	"A": layout("PM"), "a": layout("pm"),
	"H": number(time.Time.Hour), "HH": padded(2, time.Time.Hour), "h": layout("3"), "hh": layout("03"),
	"k": number(hour24), "kk": padded(2, hour24),
	"m": number(time.Time.Minute), "mm": padded(2, time.Time.Minute), "s": number(time.Time.Second), "ss": padded(2, time.Time.Second),
	"hmm": layout("304"), "hmmss": layout("30405"),
	"Hmm":   func(t time.Time) string { return strconv.Itoa(t.Hour()) + t.Format("04") },
	"Hmmss": func(t time.Time) string { return strconv.Itoa(t.Hour()) + t.Format("0405") },
	"z":     layout("MST"), "zz": layout("MST"), "Z": layout("-07:00"), "ZZ": layout("-0700"),
	"X": func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) },
	"x": func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) },
}

// init adds the fractions of a second: moment counts milliseconds, so that all further digits are zeros.
func init() {
	for digits := 1; digits <= 9; digits++ {
		momentTokens[strings.Repeat("S", digits)] = func(t time.Time) string {
			return (fmt.Sprintf("%03d", t.Nanosecond()/int(time.Millisecond)) + "000000")[:digits]
		}
	}
}

func month(t time.Time) int    { return int(t.Month()) }
func quarter(t time.Time) int  { return (int(t.Month()) + 2) / 3 }
func weekday(t time.Time) int  { return int(t.Weekday()) }
func isoYear(t time.Time) int  { year, _ := t.ISOWeek(); return year }
func isoWeek(t time.Time) int  { _, week := t.ISOWeek(); return week }
func weekYear(t time.Time) int { return saturday(t).Year() }
func week(t time.Time) int     { return (saturday(t).YearDay()-1)/7 + 1 }

// saturday ends the week that a time is in. The first week of a year is the one with its first Saturday, in the English locale.
func saturday(t time.Time) time.Time { return t.AddDate(0, 0, int(time.Saturday-t.Weekday())) }

func isoWeekday(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }
func hour24(t time.Time) int     { return (t.Hour()+23)%24 + 1 }

func number(of func(time.Time) int) func(time.Time) string {
	return func(t time.Time) string { return strconv.Itoa(of(t)) }
}

func padded(width int, of func(time.Time) int) func(time.Time) string {
	return func(t time.Time) string { return fmt.Sprintf("%0*d", width, of(t)) }
}

func layout(of string) func(time.Time) string {
	return func(t time.Time) string { return t.Format(of) }
}

func text(of string) func(time.Time) string {
	return func(time.Time) string { return of }
}

func ordinal(of func(time.Time) int) func(time.Time) string {
	return func(t time.Time) string {
		n := of(t)
		suffix := "th"
		if n%100 < 11 || n%100 > 13 {
			switch n % 10 {
			case 1:
				suffix = "st"
			case 2:
				suffix = "nd"
			case 3:
				suffix = "rd"
			}
		}
		return strconv.Itoa(n) + suffix
	}
}
