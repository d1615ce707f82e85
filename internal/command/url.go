package command

import "net/url"

// WebURL parses a flag's value that says where a server is. Error: a *Misuse, which shows an example of one.
func WebURL(flag, value, example string) (*url.URL, error) {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, &Misuse{Flag: flag, Value: value, Rule: "must be an http or https URL such as " + example}
	}
	return u, nil
}
