package modelserver

import (
	_ "embed"

	"resnet-autoscaling/internal/api"
)

//go:embed openapi.json
var openAPI []byte

// describe answers GET /openapi.json.
var describe = api.Describe(openAPI)
