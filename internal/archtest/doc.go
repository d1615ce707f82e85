// Package archtest holds the house's import rules as tests, each with its reason: which layer a package belongs to, which layers it may
// import, which library stays behind which edge, what rules may not touch, and that whoever asks for a secret compares it in constant time.
//
// A new package takes its place in the map layerOf; README.md's list of packages is made from that.
package archtest
