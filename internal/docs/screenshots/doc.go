// Package screenshots takes the pictures that README.md shows: the page while the demo's load is high, and the report that the demo
// leaves behind, each for light and for dark readers. `make screenshots` runs it, as a test, for it looks with the tests' browser.
package screenshots
