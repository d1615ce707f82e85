package chaos_test

import "time"

// rollReplicas replaces each replica by a new one, one after the other, as a Deployment does that may have one too many and none too few.
func rollReplicas(s *stage) {
	for round := 0; round == 0 || s.load.goesOn(); round++ {
		for _, old := range s.pods.running() {
			s.pods.add(1)
			s.pods.remove(old)
			s.pause(s.form.killEvery() / 10)
		}
	}
}

// killReplicas kills one after the other, which costs the requests that it has, and those that it would get until that is noticed, another
// try.
func killReplicas(s *stage) {
	for kills := 0; kills < 3 || s.load.goesOn(); kills++ {
		s.pause(s.form.killEvery())
		s.pods.kill(s.pods.any(s.form.replicas / 2))
	}
}

// scaleDownAndUp takes all replicas but one away at once, lets the queue grow, and brings the others back.
func scaleDownAndUp(s *stage) {
	for round := 0; round == 0 || s.load.goesOn(); round++ {
		all := s.pods.running()
		for _, p := range all[1:] {
			s.pods.remove(p)
		}
		s.pause(time.Second)
		s.pods.add(len(all) - 1)
		s.pause(s.form.killEvery())
	}
}

// takeTheAPIAway has replicas come and go while nobody tells the dispatcher: one dies for good, one ends as it should, new ones come that it
// cannot know yet, and of those that it knows one after the other is killed and back at its address. At least half of them live.
func takeTheAPIAway(s *stage) {
	s.door.shut()
	s.diary.note("the API is away")
	back := time.Now().Add(s.form.apiAway())
	told := s.pods.running()
	s.pods.lose(s.pods.running()[0])
	if s.form.replicas > 4 {
		s.pods.remove(s.pods.running()[0])
	}
	left := s.pods.running()
	s.pods.add(2)
	for n := 0; time.Now().Before(back); n++ {
		s.pods.kill(left[n%len(left)])
		s.pods.settle()
		s.pause(s.form.killEvery())
	}
	s.eventually("the dispatchers hold on to the replicas that they were told of", func(c *complaint) {
		for _, d := range s.dispatchers.running() {
			d.lists(c, told)
		}
	})
	if err := s.door.open(); err != nil {
		s.t.Fatal(err)
	}
	s.diary.note("the API is back")
	s.eventually("the dispatchers know what has become of the replicas", func(c *complaint) {
		for _, d := range s.dispatchers.running() {
			d.knows(c, s.pods.running())
		}
	})
}

// loseSightOfAll has the control plane take all nodes for dead, one after the other, as it does when none of them reaches it. All replicas live
// but one, which is killed meanwhile, and half of the load comes before it finds out.
func loseSightOfAll(s *stage) {
	all := s.pods.running()
	for _, p := range all {
		s.pods.loseSight(p)
	}
	s.disputes(all)
	before := s.load.ledger.answered()
	s.pods.kill(all[0])
	s.eventually("half of the load is answered meanwhile", func(c *complaint) {
		c.want("half of the load answered", s.load.ledger.answered()-before >= s.form.requests/2, true)
	})
	s.disputes(all[1:])
	s.pods.settle()
	s.pods.regainSight()
	s.disputes(nil)
}

// disputes waits until the dispatchers serve by these replicas although they are said not to be ready.
func (s *stage) disputes(pods []*pod) {
	s.t.Helper()
	s.eventually("the dispatchers go by what replicas say of themselves", func(c *complaint) {
		for _, d := range s.dispatchers.running() {
			m, err := d.metrics()
			if c.failed(err) {
				return
			}
			c.want(d.name+": disputed replicas", m.sum("dispatcher_replicas_disputed"), float64(len(pods)))
		}
	})
}

// rollDispatchers has a second dispatcher, and replaces each of the two by a new one.
func rollDispatchers(s *stage) {
	s.startDispatcher()
	for round := 0; round == 0 || s.load.goesOn(); round++ {
		for _, old := range s.dispatchers.running() {
			s.startDispatcher()
			s.dispatchers.stop(old)
			s.pause(s.form.killEvery())
		}
	}
}
