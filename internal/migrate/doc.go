// Package migrate moves a workflow over: where jobs chain docker's actions, one step of ours does what they did. Start at Workflow.
// Everything else in the file stays as it is, byte for byte.
package migrate
