package server

import (
	"acmesync"

	"github.com/gin-gonic/gin"
)

// receiveAcmeHook hands a delivery over; it needs no API key but a signature, and answers by itself. So does receiveAppHook.
func (s *Server) receiveAcmeHook(c *gin.Context) error {
	s.Hooks.Receive(c.Writer, c.Request, acmesync.AcmeSide, param(c, "endpoint"), c.GetString(keyRequestID))
	return nil
}

func (s *Server) receiveSNS(c *gin.Context) error {
	s.Hooks.ReceiveSNS(c.Writer, c.Request, param(c, "endpoint"), c.GetString(keyRequestID))
	return nil
}

func (s *Server) receiveAppHook(c *gin.Context) error {
	s.Hooks.Receive(c.Writer, c.Request, acmesync.AppSide, param(c, "endpoint"), c.GetString(keyRequestID))
	return nil
}

// receiveSOAPHook hands an outbound message over; its address is its proof.
func (s *Server) receiveSOAPHook(c *gin.Context) error {
	s.Hooks.ReceiveSOAP(c.Writer, c.Request, param(c, "endpoint"), c.GetString(keyRequestID))
	return nil
}

func (s *Server) describeSOAPHook(c *gin.Context) error {
	s.Hooks.DescribeSOAP(c.Writer, c.Request, param(c, "endpoint"), c.GetString(keyRequestID))
	return nil
}
