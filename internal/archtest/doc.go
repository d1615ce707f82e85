// Package archtest holds the house's import rules as tests, each with its reason.
package archtest
