package page_test

import (
	"testing"

	"resnet-autoscaling/internal/testkit/browser"
)

const anywhere = "127.0.0.1:0"

// TestInABrowser uses the page as people do: through a real dispatcher, whose replicas are played.
func TestInABrowser(t *testing.T) {
	b := browser.Start(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *browser.Browser)
	}{
		{"a sample is classified", sampleIsClassified},
		{"a file is chosen", fileIsChosen},
		{"a file is dropped anywhere", fileIsDropped},
		{"a picture is pasted", pictureIsPasted},
		{"what is dropped may be no file", noFileIsDropped},
		{"a large picture is scaled down and stays upright", largePictureIsScaled},
		{"a picture that the browser cannot show is sent as it is", unknownPictureIsSent},
		{"the newest picture wins", newestPictureWins},
		{"errors are told in the service's words", errorsAreTold},
		{"a service that cannot be reached is told", unreachableIsTold},
		{"an API key is asked for", keyIsAskedFor},

		{"server-sent events are parsed", eventsAreParsed},
		{"the panel shows what happens", panelShows},
		{"replicas are told in words", replicasAreToldInWords},
		{"no replica has its own sentence", noReplicaHasASentence},
		{"the page reconnects by itself", pageReconnects},
		{"a hidden page does not listen", hiddenPageDoesNotListen},
		{"a thousand replicas are drawn", thousandAreDrawn},

		{"a narrow screen does not scroll sideways", narrowScreen},
		{"text can be read in both modes", textCanBeRead},
		{"the keyboard is enough", keyboardIsEnough},
		{"nothing moves for who wants no motion", nothingMoves},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, b) })
	}
}
