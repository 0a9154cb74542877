package egress

import (
	"net/netip"
	"slices"
)

// mayCall reports whether tenants may have us call an address.
func (p Policy) mayCall(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsValid() || within(a, never()) {
		return false
	}
	if within(a, private()) {
		return p.AllowPrivate
	}
	// All of IPv6's public unicast lies here; whatever else may be assigned one day is refused until looked at.
	return a.Is4() || netip.MustParsePrefix("2000::/3").Contains(a)
}

func (p Policy) mayUsePort(port uint16) bool { return p.AllowPrivate || port == 443 || port == 8443 }

func within(a netip.Addr, all []netip.Prefix) bool {
	return slices.ContainsFunc(all, func(one netip.Prefix) bool { return one.Contains(a) })
}

// private is what a sandbox may live on.
func private() []netip.Prefix {
	return prefixes("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
}

// never is refused in a sandbox too. netip's and net's own predicates know but some of it.
func never() []netip.Prefix {
	return prefixes(
		"0.0.0.0/8",         // this network
		"100.64.0.0/10",     // carrier-grade NAT
		"169.254.0.0/16",    // link-local, where clouds serve machine credentials
		"192.0.0.0/24",      // protocol assignments
		"192.0.2.0/24",      // documentation
		"192.88.99.0/24",    // 6to4 relays
		"198.18.0.0/15",     // benchmarking
		"198.51.100.0/24",   // documentation
		"203.0.113.0/24",    // documentation
		"224.0.0.0/4",       // multicast
		"240.0.0.0/4",       // reserved, broadcast
		"::/128",            // unspecified
		"64:ff9b::/96",      // NAT64: an IPv4 address in disguise
		"64:ff9b:1::/48",    // NAT64, local use
		"100::/64",          // discard
		"2001::/23",         // protocol assignments, Teredo among them
		"2001:db8::/32",     // documentation
		"2002::/16",         // 6to4: an IPv4 address in disguise
		"3fff::/20",         // documentation
		"5f00::/16",         // segment routing
		"fd00:ec2::254/128", // a cloud's machine credentials, in private space
		"fe80::/10",         // link-local
		"fec0::/10",         // site-local
		"ff00::/8",          // multicast
		"::ffff:0:0:0/96",   // translated IPv4
	)
}

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}
