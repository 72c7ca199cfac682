// Pion, with PCMU: the same lines in and out as the other drivers.
//
//	device HERTZ [lite] [apart]    lite: ICE-lite; apart: a section for each direction
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v3"
)

// ITU-T G.711 mu-law.
func encode(sample int) byte {
	sign := byte(0)
	if sample < 0 {
		sign = 0x80
		sample = -sample
	}
	if sample > 32635 {
		sample = 32635
	}
	sample += 132
	exp := 0
	for l := sample >> 7; l > 1; l >>= 1 {
		exp++
	}
	return ^(sign | byte(exp<<4) | byte((sample>>(exp+3))&15))
}
func decode(b byte) int {
	c := int(^b) & 255
	v := ((((c & 15) << 3) + 132) << ((c >> 4) & 7)) - 132
	if c&128 != 0 {
		return -v
	}
	return v
}

func main() {
	hz, _ := strconv.ParseFloat(os.Args[1], 64)
	mode := strings.Join(os.Args[2:], " ")
	s := webrtc.SettingEngine{}
	if strings.Contains(mode, "lite") {
		s.SetLite(true)
	}
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	m := &webrtc.MediaEngine{}
	pcmu := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}
	m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: pcmu, PayloadType: 0}, webrtc.RTPCodecTypeAudio)
	api := webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(m))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		panic(err)
	}
	track, _ := webrtc.NewTrackLocalStaticRTP(pcmu, "sound", "device")
	if strings.Contains(mode, "apart") {
		pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	} else {
		pc.AddTrack(track)
	}
	var mu sync.Mutex
	var heard []int
	var at time.Time
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		for {
			p, _, err := t.ReadRTP()
			if err != nil {
				return
			}
			mu.Lock()
			for _, b := range p.Payload {
				heard = append(heard, decode(b))
			}
			if len(heard) > 4000 {
				heard = heard[len(heard)-4000:]
			}
			at = time.Now()
			mu.Unlock()
		}
	})
	go func() {
		n, seq := 0, 0
		tick := time.NewTicker(20 * time.Millisecond)
		for range tick.C {
			d := make([]byte, 160)
			for i := range d {
				d[i] = encode(int(9000 * math.Sin(2*math.Pi*hz*float64(n)/8000)))
				n++
			}
			seq++
			track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 0, SequenceNumber: uint16(seq), Timestamp: uint32(n), SSRC: 77}, Payload: d})
		}
	}()
	freq := func() float64 {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(at) > 500*time.Millisecond || len(heard) < 2000 {
			return 0
		}
		c, e := 0, 0.0
		for i := range heard {
			e += float64(heard[i]) * float64(heard[i])
			if i > 0 && (heard[i] < 0) != (heard[i-1] < 0) {
				c++
			}
		}
		if math.Sqrt(e/float64(len(heard))) < 300 {
			return 0
		}
		return float64(c) * 8000 / 2 / float64(len(heard))
	}
	offers := 0
	sc := bufio.NewScanner(os.Stdin)
	sc.Buffer(make([]byte, 1<<20), 1<<20)
	for sc.Scan() {
		var a struct{ Do, Sdp string }
		json.Unmarshal(sc.Bytes(), &a)
		out := map[string]interface{}{}
		switch a.Do {
		case "offer":
			o, err := pc.CreateOffer(&webrtc.OfferOptions{ICERestart: offers > 0})
			offers++
			if err == nil {
				g := webrtc.GatheringCompletePromise(pc)
				err = pc.SetLocalDescription(o)
				<-g
			}
			if err != nil {
				out["error"] = err.Error()
			} else {
				out["sdp"] = pc.LocalDescription().SDP
			}
		case "accept":
			if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: a.Sdp}); err != nil {
				out["error"] = err.Error()
			}
		case "heard":
			out["heard"] = freq()
		default:
			return
		}
		b, _ := json.Marshal(out)
		fmt.Println(string(b))
	}
}
