// Package plan turns what a user wrote into what is to be done. It holds the nouns of the program: inputs, platforms,
// the plan, what was pushed, findings. Start at New. It reads no file, opens no connection and knows no CI host.
package plan
