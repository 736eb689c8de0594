//! One name per thing: what the columns of every flow source mean, and in which unit.

use serde::{Deserialize, Serialize};

use crate::telemetry::schema::Kind;

macro_rules! fields {
    ($($variant:ident $name:literal $kind:ident $unit:literal $meaning:literal;)*) => {
        /// What a column means for a flow, whatever its name in the source.
        ///
        /// A field has one name, one unit and one meaning. A column of a [`Schema`](crate::telemetry::Schema) names its
        /// field, and the [`scale`](crate::telemetry::Column::scale) that takes its cells to the field's unit, so that
        /// tables of different sources can be brought together. QoS rules match on the first six.
        ///
        /// "forward" is the direction of the flow's first packet, or from client to server where the source
        /// distinguishes them. "payload" is the data after the transport header, "IP" the IP header and all after
        /// it, "frame" the whole link-layer frame as it was on the wire.
        ///
        /// # Examples
        ///
        /// ```
        /// use qosguard::telemetry::Field;
        ///
        /// assert_eq!(Field::Duration.name(), "duration");
        /// assert_eq!(Field::Duration.unit(), "s");
        /// assert_eq!(Field::from_name("fwd_packets"), Some(Field::FwdPackets));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Field {
            $(#[doc = $meaning] #[serde(rename = $name)] $variant,)*
        }

        impl Field {
            /// Every field, in the order of the canonical flow.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The field's name: its column in the canonical flow.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Whether the canonical flow holds it as a number or as text.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }

            /// The unit of its numbers: `s`, `B` (bytes), `1/s`, …; empty for counts, codes and text.
            pub const fn unit(self) -> &'static str {
                match self { $(Self::$variant => $unit,)* }
            }

            /// What it means.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

fields! {
    SrcIp "src_ip" Text "" "Source address.";
    DstIp "dst_ip" Text "" "Destination address.";
    SrcPort "src_port" Number "" "Source port, 0 to 65535.";
    DstPort "dst_port" Number "" "Destination port, 0 to 65535.";
    Protocol "protocol" Text "" "Transport protocol, IANA number or name.";
    Service "service" Text "" "Application service, such as `dns`.";
    StartTime "start_time" Number "s" "Time of the first packet, since the Unix epoch.";
    EndTime "end_time" Number "s" "Time of the last packet, since the Unix epoch.";
    Duration "duration" Number "s" "Time of the last packet minus time of the first.";
    State "state" Text "" "State of the connection, in the source's own words.";
    VlanId "vlan_id" Number "" "Outermost VLAN identifier, 0 to 4095.";

    Packets "packets" Number "" "Packets, both directions.";
    FwdPackets "fwd_packets" Number "" "Packets, forward.";
    BwdPackets "bwd_packets" Number "" "Packets, backward.";
    PayloadBytes "payload_bytes" Number "B" "Payload, both directions.";
    FwdPayloadBytes "fwd_payload_bytes" Number "B" "Payload, forward.";
    BwdPayloadBytes "bwd_payload_bytes" Number "B" "Payload, backward.";
    IpBytes "ip_bytes" Number "B" "IP bytes, both directions.";
    FwdIpBytes "fwd_ip_bytes" Number "B" "IP bytes, forward.";
    BwdIpBytes "bwd_ip_bytes" Number "B" "IP bytes, backward.";
    FrameBytes "frame_bytes" Number "B" "Frame bytes, both directions.";
    FwdFrameBytes "fwd_frame_bytes" Number "B" "Frame bytes, forward.";
    BwdFrameBytes "bwd_frame_bytes" Number "B" "Frame bytes, backward.";
    MissedBytes "missed_bytes" Number "B" "Payload that the sensor reports as not captured.";

    PayloadMin "payload_min" Number "B" "Smallest payload of a packet.";
    PayloadMax "payload_max" Number "B" "Largest payload of a packet.";
    PayloadMean "payload_mean" Number "B" "Mean payload of a packet.";
    PayloadStd "payload_std" Number "B" "Sample standard deviation of the payload of a packet.";
    PayloadVariance "payload_variance" Number "B^2" "Sample variance of the payload of a packet.";
    FwdPayloadMin "fwd_payload_min" Number "B" "Smallest payload of a forward packet.";
    FwdPayloadMax "fwd_payload_max" Number "B" "Largest payload of a forward packet.";
    FwdPayloadMean "fwd_payload_mean" Number "B" "Mean payload of a forward packet.";
    FwdPayloadStd "fwd_payload_std" Number "B" "Sample standard deviation of the payload of a forward packet.";
    BwdPayloadMin "bwd_payload_min" Number "B" "Smallest payload of a backward packet.";
    BwdPayloadMax "bwd_payload_max" Number "B" "Largest payload of a backward packet.";
    BwdPayloadMean "bwd_payload_mean" Number "B" "Mean payload of a backward packet.";
    BwdPayloadStd "bwd_payload_std" Number "B" "Sample standard deviation of the payload of a backward packet.";
    FrameMin "frame_min" Number "B" "Smallest frame.";
    FrameMax "frame_max" Number "B" "Largest frame.";
    FrameMean "frame_mean" Number "B" "Mean frame.";
    FrameStd "frame_std" Number "B" "Sample standard deviation of the frame.";
    FwdFrameMin "fwd_frame_min" Number "B" "Smallest forward frame.";
    FwdFrameMax "fwd_frame_max" Number "B" "Largest forward frame.";
    FwdFrameMean "fwd_frame_mean" Number "B" "Mean forward frame.";
    FwdFrameStd "fwd_frame_std" Number "B" "Sample standard deviation of the forward frame.";
    BwdFrameMin "bwd_frame_min" Number "B" "Smallest backward frame.";
    BwdFrameMax "bwd_frame_max" Number "B" "Largest backward frame.";
    BwdFrameMean "bwd_frame_mean" Number "B" "Mean backward frame.";
    BwdFrameStd "bwd_frame_std" Number "B" "Sample standard deviation of the backward frame.";
    FwdIpMean "fwd_ip_mean" Number "B" "Mean IP bytes of a forward packet.";
    BwdIpMean "bwd_ip_mean" Number "B" "Mean IP bytes of a backward packet.";

    PayloadRate "payload_rate" Number "B/s" "Payload, both directions, by duration.";
    PacketRate "packet_rate" Number "1/s" "Packets, both directions, by duration.";
    FwdPacketRate "fwd_packet_rate" Number "1/s" "Forward packets by duration.";
    BwdPacketRate "bwd_packet_rate" Number "1/s" "Backward packets by duration.";
    FwdBitRate "fwd_bit_rate" Number "bit/s" "Forward IP bits by duration.";
    BwdBitRate "bwd_bit_rate" Number "bit/s" "Backward IP bits by duration.";
    DownUpRatio "down_up_ratio" Number "" "Backward packets by forward packets.";

    IatMean "iat_mean" Number "s" "Mean time between packets.";
    IatStd "iat_std" Number "s" "Sample standard deviation of the time between packets.";
    IatMax "iat_max" Number "s" "Longest time between packets.";
    IatMin "iat_min" Number "s" "Shortest time between packets.";
    FwdIatTotal "fwd_iat_total" Number "s" "Time from the first to the last forward packet.";
    FwdIatMean "fwd_iat_mean" Number "s" "Mean time between forward packets.";
    FwdIatStd "fwd_iat_std" Number "s" "Sample standard deviation of the time between forward packets.";
    FwdIatMax "fwd_iat_max" Number "s" "Longest time between forward packets.";
    FwdIatMin "fwd_iat_min" Number "s" "Shortest time between forward packets.";
    BwdIatTotal "bwd_iat_total" Number "s" "Time from the first to the last backward packet.";
    BwdIatMean "bwd_iat_mean" Number "s" "Mean time between backward packets.";
    BwdIatStd "bwd_iat_std" Number "s" "Sample standard deviation of the time between backward packets.";
    BwdIatMax "bwd_iat_max" Number "s" "Longest time between backward packets.";
    BwdIatMin "bwd_iat_min" Number "s" "Shortest time between backward packets.";
    FwdDuration "fwd_duration" Number "s" "Time from the first to the last forward packet.";
    BwdDuration "bwd_duration" Number "s" "Time from the first to the last backward packet.";
    FwdJitter "fwd_jitter" Number "s" "Jitter, forward, as the source defines it.";
    BwdJitter "bwd_jitter" Number "s" "Jitter, backward, as the source defines it.";
    ActiveMean "active_mean" Number "s" "Mean time of activity between idle gaps of 5 s.";
    ActiveStd "active_std" Number "s" "Sample standard deviation of the time of activity.";
    ActiveMax "active_max" Number "s" "Longest time of activity.";
    ActiveMin "active_min" Number "s" "Shortest time of activity.";
    IdleMean "idle_mean" Number "s" "Mean idle gap of more than 5 s.";
    IdleStd "idle_std" Number "s" "Sample standard deviation of the idle gaps.";
    IdleMax "idle_max" Number "s" "Longest idle gap.";
    IdleMin "idle_min" Number "s" "Shortest idle gap.";

    TcpFlags "tcp_flags" Number "" "All TCP flags that were seen, OR-ed, both directions.";
    FinCount "fin_count" Number "" "Packets with FIN.";
    SynCount "syn_count" Number "" "Packets with SYN.";
    RstCount "rst_count" Number "" "Packets with RST.";
    PshCount "psh_count" Number "" "Packets with PSH.";
    AckCount "ack_count" Number "" "Packets with ACK.";
    UrgCount "urg_count" Number "" "Packets with URG.";
    CwrCount "cwr_count" Number "" "Packets with CWR.";
    EceCount "ece_count" Number "" "Packets with ECE.";
    FwdFinCount "fwd_fin_count" Number "" "Forward packets with FIN.";
    FwdSynCount "fwd_syn_count" Number "" "Forward packets with SYN.";
    FwdRstCount "fwd_rst_count" Number "" "Forward packets with RST.";
    FwdPshCount "fwd_psh_count" Number "" "Forward packets with PSH.";
    FwdAckCount "fwd_ack_count" Number "" "Forward packets with ACK.";
    FwdUrgCount "fwd_urg_count" Number "" "Forward packets with URG.";
    FwdCwrCount "fwd_cwr_count" Number "" "Forward packets with CWR.";
    FwdEceCount "fwd_ece_count" Number "" "Forward packets with ECE.";
    BwdFinCount "bwd_fin_count" Number "" "Backward packets with FIN.";
    BwdSynCount "bwd_syn_count" Number "" "Backward packets with SYN.";
    BwdRstCount "bwd_rst_count" Number "" "Backward packets with RST.";
    BwdPshCount "bwd_psh_count" Number "" "Backward packets with PSH.";
    BwdAckCount "bwd_ack_count" Number "" "Backward packets with ACK.";
    BwdUrgCount "bwd_urg_count" Number "" "Backward packets with URG.";
    BwdCwrCount "bwd_cwr_count" Number "" "Backward packets with CWR.";
    BwdEceCount "bwd_ece_count" Number "" "Backward packets with ECE.";

    FwdHeaderBytes "fwd_header_bytes" Number "B" "Transport headers, forward.";
    BwdHeaderBytes "bwd_header_bytes" Number "B" "Transport headers, backward.";
    FwdHeaderMin "fwd_header_min" Number "B" "Smallest transport header of a forward packet.";
    FwdDataPackets "fwd_data_packets" Number "" "Forward packets that carry payload.";
    FwdInitWindow "fwd_init_window" Number "B" "TCP window of the first forward packet, as it is in the header.";
    BwdInitWindow "bwd_init_window" Number "B" "TCP window of the first backward packet, as it is in the header.";
    SubflowFwdPackets "subflow_fwd_packets" Number "" "Forward packets by subflow; a gap of more than 1 s starts one.";
    SubflowFwdBytes "subflow_fwd_bytes" Number "B" "Forward payload by subflow.";
    SubflowBwdPackets "subflow_bwd_packets" Number "" "Backward packets by subflow.";
    SubflowBwdBytes "subflow_bwd_bytes" Number "B" "Backward payload by subflow.";
    FwdBulkBytes "fwd_bulk_bytes" Number "B" "Payload by forward bulk: 4 or more packets with payload, gaps of at most 1 s.";
    FwdBulkPackets "fwd_bulk_packets" Number "" "Packets by forward bulk.";
    FwdBulkRate "fwd_bulk_rate" Number "B/s" "Payload of forward bulks by their duration.";
    BwdBulkBytes "bwd_bulk_bytes" Number "B" "Payload by backward bulk.";
    BwdBulkPackets "bwd_bulk_packets" Number "" "Packets by backward bulk.";
    BwdBulkRate "bwd_bulk_rate" Number "B/s" "Payload of backward bulks by their duration.";

    FwdTtl "fwd_ttl" Number "" "Time to live or hop limit, forward.";
    BwdTtl "bwd_ttl" Number "" "Time to live or hop limit, backward.";
    Tos "tos" Number "" "IP type of service or traffic class, forward.";
    FwdLoss "fwd_loss" Number "" "Packets resent or dropped, forward.";
    BwdLoss "bwd_loss" Number "" "Packets resent or dropped, backward.";
    RoundTrip "round_trip" Number "s" "TCP set-up: from the SYN to the ACK of the SYN-ACK.";
    SynAckDelay "syn_ack_delay" Number "s" "From the SYN to the SYN-ACK.";
    AckDelay "ack_delay" Number "s" "From the SYN-ACK to its ACK.";
    TcpTime "tcp_time" Number "s" "Duration of the whole TCP connection, where the flow is a part of it.";
    IcmpType "icmp_type" Number "" "ICMP type of the first packet.";
    IcmpCode "icmp_code" Number "" "ICMP code of the first packet.";

    Exporter "exporter" Text "" "Address of the exporter that sent the record.";
    SamplingInterval "sampling_interval" Number "" "One packet of this many was seen; counts are scaled up by it.";
    InputInterface "input_interface" Number "" "SNMP index of the interface that the flow came in by.";
    OutputInterface "output_interface" Number "" "SNMP index of the interface that the flow left by.";
}

impl Field {
    /// The field of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_are_what_a_file_holds() {
        for (i, field) in Field::ALL.iter().enumerate() {
            assert_eq!(Field::from_name(field.name()), Some(*field));
            assert_eq!(serde_json::to_value(field).unwrap(), field.name());
            assert!(Field::ALL[..i].iter().all(|f| f.name() != field.name()), "{}", field.name());
            assert!(field.meaning().ends_with('.'));
        }
    }
}
