package server

import "github.com/gin-gonic/gin"

// receiveAcmeHook hands a delivery over; it needs no API key but a signature, and answers by itself.
func (s *Server) receiveAcmeHook(c *gin.Context) error {
	s.Hooks.Receive(c.Writer, c.Request, param(c, "endpoint"), c.GetString(keyRequestID))
	return nil
}
