package api

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
)

type healthStatus struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"`
}

// health tells that the process answers.
func (s *Server) health(c echo.Context) error {
	return private(c, http.StatusOK, healthStatus{Status: "ok"})
}

// ready tells whether requests should come here. A part that is not needed
// leaves us ready without it.
func (s *Server) ready(c echo.Context) error {
	found := healthStatus{Status: "ok", Checks: make(map[string]string, len(s.Checks))}
	status := http.StatusOK
	for _, check := range s.probes {
		found.Checks[check.Name] = "ok"
		if err := check.ping(c.Request().Context()); err == nil {
			continue
		}
		found.Checks[check.Name] = "down"
		if check.Needed {
			found.Status, status = "down", http.StatusServiceUnavailable
		} else if status == http.StatusOK {
			found.Status = "degraded"
		}
	}
	select {
	case <-s.draining():
		found.Status, status = "draining", http.StatusServiceUnavailable
	default:
	}
	return private(c, status, found)
}

// gauge asks the part when the metrics are read.
func (p *probe) gauge() prometheus.GaugeFunc {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "dreamchat_dependency_up",
		Help:        "Whether a part that the service depends on can be reached.",
		ConstLabels: prometheus.Labels{"name": p.Name},
	}, func() float64 {
		if p.ping(context.Background()) != nil {
			return 0
		}
		return 1
	})
}
