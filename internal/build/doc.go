// Package build makes the image of every platform on one builder. All does it in one request: the frontend solves all
// platforms together, so the context travels once and shared stages run once; then each platform is evaluated, checked and
// tested on its own, so that one failure is one failure; and only what is good leaves the builder, by digest. The package
// starts no builder, moves no tag and prints nothing.
package build
